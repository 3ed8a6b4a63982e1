import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { ProgramName } from "./global-setup.ts";
import { sharedService } from "./shared-services.ts";

export interface Started {
  readonly process: ChildProcess;
  /** The first line it printed. */
  readonly firstLine: string;
  /** Resolves with the signal or exit code that ended it. */
  readonly ended: Promise<string | number | null>;
}

/** Runs a bundled program in a process of its own and waits for its first line. */
export async function startProgram(
  name: ProgramName,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<Started> {
  const { [name]: file } = await sharedService("programs");
  const child = spawn(process.execPath, [file, ...args], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<string | number | null>((resolve) => {
    child.once("exit", (code, signal) => resolve(signal ?? code));
  });
  for await (const firstLine of createInterface({ input: child.stdout })) return { process: child, firstLine, ended };
  throw new Error(`${name} ended before it printed anything: ${await ended}`);
}
