#!/usr/bin/env node
import { readFile } from "node:fs/promises";
import { EXIT, exitCodeOf } from "../shared/cli/exit-codes.ts";
import { programOf, withProgram } from "../shared/cli/program.ts";
import { runCommand } from "../shared/cli/run-command.ts";
import { printable } from "../shared/cli/terminal-text.ts";
import { exitProcess } from "../shared/host/exit.ts";
import { Fault } from "../shared/host/fault.ts";
import { openTerminal } from "./terminal.ts";

// The AWS client warns at every start that a later version will need a newer Node. package.json names the supported version.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";

async function ownVersion(): Promise<string> {
  const text = await readFile(new URL("../package.json", import.meta.url), "utf8");
  return String(JSON.parse(text).version);
}

// Without a listener, an error of the stream ends the process with a stack trace. The callback of each write handles it.
process.stdout.on("error", () => undefined);

/** Ends a command whose output cannot be written: quietly if its reader has ended, as `head` does. */
function outputFailed(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") process.exit(EXIT.SIGPIPE);
  const text = `drawbridge: the output cannot be written: ${error.code}\n`;
  process.stderr.write(text, () => process.exit(EXIT.refused));
}

function print(text: string): void {
  process.stdout.write(`${text}\n`, (error) => {
    if (error) outputFailed(error);
  });
}

const program = programOf({ path: process.argv[1] ?? "", folder: process.cwd(), environment: process.env });

try {
  process.exitCode = await runCommand(process.argv.slice(2), {
    environment: process.env,
    program,
    print,
    warn: (text) => void process.stderr.write(`drawbridge: ${text}\n`),
    columns: process.stdout.columns,
    openTerminal: process.stdin.isTTY && process.stdout.isTTY ? openTerminal : undefined,
    interrupted: () => {
      const controller = new AbortController();
      for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => controller.abort(EXIT[name]));
      return controller.signal;
    },
    version: ownVersion,
    start: async (invocation) => {
      // The start reads every file after this, so a reload that is requested until then is a part of it.
      process.on("SIGHUP", () => undefined);
      await (await import("./start.ts")).start(invocation);
    },
    maintenance: async () => (await import("../shared/store/sqlite/maintenance.ts")).sqliteMaintenance,
  });
} catch (error) {
  // The message of a Fault is written for users.
  const message = error instanceof Fault ? error.message : String(error);
  const printed = withProgram(message, program).split("\n").map(printable).join("\n");
  // Exit explicitly: parts that were started before the failure would keep the process alive.
  process.stderr.write(`drawbridge: ${printed}\n`, () => exitProcess(exitCodeOf(error)));
}
