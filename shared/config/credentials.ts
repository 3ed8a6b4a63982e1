import * as v from "valibot";
import { providers } from "#providers";
import { rotatingSecret } from "../host/secrets.ts";
import type { Credential } from "../model/credential.ts";
import { refsIn } from "./references.ts";
import type { Config } from "./schema.ts";

/** A credential, and the key of its source or target that configures it. */
export interface ConfiguredCredential extends Credential {
  readonly setting: string;
}

/** Returns every secret that a source or a target refers to, with the credential under which its use is recorded. */
export function configuredCredentials({
  sources,
  targets,
}: Pick<Config, "sources" | "targets">): readonly ConfiguredCredential[] {
  return [
    ...sources.flatMap(({ name, provider: kind, settings }) => {
      const provider = providers.find((one) => one.name === kind);
      return Object.entries(provider?.secrets ?? {}).flatMap(([path, method]) =>
        labelsAt(settings, path).map((credential) => ({
          kind: "source" as const,
          name,
          method,
          credential,
          setting: path,
        })),
      );
    }),
    ...targets.flatMap(({ name, settings }) =>
      refsIn(settings, []).map(([path, credential]) => ({
        kind: "target" as const,
        name,
        method: "secret",
        credential,
        setting: path.join("."),
      })),
    ),
  ];
}

/** Returns the labels of the configured values of the secret at `path`. Empty if the secret is not configured. */
function labelsAt(settings: object, path: string): readonly ("current" | "next")[] {
  const secret = path.split(".").reduce<unknown>((value, key) => membersOf(value)[key], settings);
  const pair = v.safeParse(rotatingSecret, secret);
  if (!pair.success) return [];
  return pair.output.next === undefined ? ["current"] : ["current", "next"];
}

const membersOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? { ...value } : {};
