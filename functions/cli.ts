#!/usr/bin/env node
import { readFile } from "node:fs/promises";
import { exitCodeOf } from "../shared/cli/exit-codes.ts";
import { runCommand } from "../shared/cli/run-command.ts";
import { printable } from "../shared/cli/table.ts";
import { Fault } from "../shared/host/fault.ts";

// The AWS client warns at every start that it will one day need a newer Node; package.json says which one is needed.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";

async function ownVersion(): Promise<string> {
  const text = await readFile(new URL("../package.json", import.meta.url), "utf8");
  return String(JSON.parse(text).version);
}

try {
  process.exitCode = await runCommand(process.argv.slice(2), {
    environment: process.env,
    print: (text) => void process.stdout.write(`${text}\n`),
    columns: process.stdout.columns,
    version: ownVersion,
    start: async (invocation) => (await import("./start.ts")).start(invocation),
  });
} catch (error) {
  // A Fault's message is written to be read.
  const message = error instanceof Fault ? error.message : String(error);
  const printed = message.split("\n").map(printable).join("\n");
  // What was started before it failed does not keep the process.
  process.stderr.write(`drawbridge: ${printed}\n`, () => process.exit(exitCodeOf(error)));
}
