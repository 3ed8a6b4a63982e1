import { parseArgs } from "node:util";
import { runCommand } from "../shared/cli/run-command.ts";
import { printable } from "../shared/cli/table.ts";
import { OPTIONS } from "../shared/cli/usage.ts";
import { Fault } from "../shared/host/fault.ts";
import { start } from "./start.ts";

// The AWS client tells at every start that it will one day need a newer Node; package.json says which one is needed.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";

try {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: OPTIONS });
  const given = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
  const [command = "help"] = positionals;
  if (command === "start") await start(given, process.env);
  else
    process.exitCode = await runCommand(positionals, given, process.env, (text) => process.stdout.write(`${text}\n`));
} catch (error) {
  // A Fault's message is written to be read, and so is that of parseArgs about the command line.
  const told =
    error instanceof Fault || (error instanceof TypeError && "code" in error) ? error.message : String(error);
  process.stderr.write(`drawbridge: ${told.split("\n").map(printable).join("\n")}\n`);
  process.exitCode = 1;
}
