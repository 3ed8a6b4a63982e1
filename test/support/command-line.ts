import { spawn } from "node:child_process";
import { sharedService } from "./shared-services.ts";

const { drawbridge } = await sharedService("programs");

/** How the command line in its own process names itself, in a folder that is not above it. */
export const PROGRAM = `node ${drawbridge}`;

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the command line in its own process, in the test's folder. */
export function commandLine(
  args: readonly string[],
  { cwd, environment = {} }: { readonly cwd: string; readonly environment?: Readonly<Record<string, string>> },
) {
  const env = { PATH: process.env["PATH"], ...environment };
  const child = spawn(process.execPath, [drawbridge, ...args], { cwd, env });
  const ran = { out: "", err: "" };
  const ended = new Promise<Ran>((resolve) => child.once("close", (code) => resolve({ code, ...ran })));
  child.stdout.on("data", (text) => {
    ran.out += String(text);
  });
  child.stderr.on("data", (text) => {
    ran.err += String(text);
  });
  /** Resolves once the output contains `text`. Throws the error output if the process ends before. */
  const printed = async (text: string): Promise<void> => {
    while (!ran.out.includes(text)) {
      const more = new Promise<undefined>((resolve) => child.stdout.once("data", () => resolve(undefined)));
      if ((await Promise.race([more, ended])) !== undefined) throw new Error(ran.err);
    }
  };
  return { child, ran, ended, printed };
}
