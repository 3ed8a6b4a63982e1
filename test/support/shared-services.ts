import { inject } from "vitest";
import type { ProgramName } from "./global-setup.ts";

/** The response of each service of the run. */
interface Services {
  readonly "dynamodb-local": { readonly port: number };
  /** The path of each bundled program. */
  readonly programs: Readonly<Record<ProgramName, string>>;
}

/** A service that all test files of a run share. It starts with the first request. */
export async function sharedService<Name extends keyof Services>(name: Name): Promise<Services[Name]> {
  const answer = await fetch(new URL(name, inject("services")));
  if (!answer.ok) throw new Error(`the service ${name} answers ${answer.status}: ${await answer.text()}`);
  // The process of the run responds in the form of the interface above.
  return (await answer.json()) as Services[Name];
}
