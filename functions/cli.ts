import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import * as v from "valibot";
import { runCommand } from "../shared/cli/run-command.ts";
import { printable } from "../shared/cli/table.ts";
import { OPTIONS } from "../shared/cli/usage.ts";
import { Fault } from "../shared/host/fault.ts";
import { start } from "./start.ts";

// The AWS client tells at every start that it will one day need a newer Node; package.json says which one is needed.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";

const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** Gives the exit code; of a bridge that was started, what it ends with unless it is told otherwise. */
async function run(): Promise<number> {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: OPTIONS });
  const { help, version, ...options } = values;
  const given = Object.fromEntries(Object.entries(options).map(([name, value]) => [name, String(value)]));
  const words = help ? ["help"] : positionals;
  if (version) {
    print(await ownVersion());
    return 0;
  }
  if (words[0] !== "start") return runCommand(words, given, process.env, print, process.stdout.columns);
  if (words.length > 1)
    throw new Fault("configuration_invalid", 'too many arguments: it is "start"', { retryable: false });
  await start(given, process.env);
  return 0;
}

async function ownVersion(): Promise<string> {
  const text = await readFile(new URL("../package.json", import.meta.url), "utf8");
  return v.parse(v.pipe(v.string(), v.parseJson(), v.object({ version: v.string() })), text).version;
}

/** A Fault's message is written to be read, and so is that of parseArgs about the command line, up to its advice. */
function tell(error: unknown): string {
  if (error instanceof Fault) return error.message;
  const isOfArguments =
    error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
  return isOfArguments ? `${error.message.split(/\.\s/)[0]}; see --help` : String(error);
}

try {
  process.exitCode = await run();
} catch (error) {
  const told = tell(error).split("\n").map(printable).join("\n");
  // What was started before it failed does not keep it here.
  process.stderr.write(`drawbridge: ${told}\n`, () => process.exit(1));
}
