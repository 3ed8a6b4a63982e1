import type { CommandHost } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { EXIT } from "./exit-codes.ts";
import { commandHelp, exitCodesHelp, groupHelp, overview } from "./help.ts";
import { checkFormat } from "./output.ts";
import { type Parsed, parseCommandLine } from "./parse.ts";

/** Runs one command line. Returns the exit code, or throws a Fault whose exit code is `exitCodeOf`. */
export async function runCommand(args: readonly string[], host: CommandHost): Promise<number> {
  if (args.length === 0) {
    host.print(overview(COMMANDS, host.columns));
    return EXIT.usage;
  }
  const parsed = parseCommandLine(args, COMMANDS);
  switch (parsed.kind) {
    case "version":
      host.print(await host.version());
      return EXIT.done;
    case "help":
      host.print(helpText(parsed, host.columns));
      return EXIT.done;
    case "exit codes":
      host.print(exitCodesHelp(host.columns));
      return EXIT.done;
    case "run": {
      const { command, positionals, options, lists, given } = parsed;
      checkFormat(parsed);
      return command.run({ ...host, positionals, options, lists, given });
    }
  }
}

function helpText({ command, group }: Extract<Parsed, { kind: "help" }>, columns: number | undefined): string {
  if (command !== undefined) return commandHelp(command, columns);
  return group === undefined ? overview(COMMANDS, columns) : groupHelp(group, COMMANDS, columns);
}
