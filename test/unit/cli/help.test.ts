import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../../shared/cli/commands.ts";
import { commandHelp, overview } from "../../../shared/cli/help.ts";
import { parseCommandLine } from "../../../shared/cli/parse.ts";

const widestOf = (text: string): number => Math.max(...text.split("\n").map((line) => line.length));

describe("the help text", () => {
  it("the help text fits a terminal of 80 columns", () => {
    // An address is never broken.
    const isLong = (line: string): boolean => /^ +\S+$/.test(line);
    for (const text of [overview(COMMANDS, 80), ...COMMANDS.map((command) => commandHelp(command, 80))]) {
      const lines = text.split("\n").filter((line) => !isLong(line));
      expect(widestOf(lines.join("\n")), text).toBeLessThanOrEqual(80);
    }
  });

  it("the help text lists every command once, in one line", () => {
    const text = overview(COMMANDS, 80);
    for (const { summary } of COMMANDS) expect(text).toContain(`  ${summary}\n`);
    for (const { name } of COMMANDS)
      expect(text.match(new RegExp(`^  ${name}( <| {2,}| \\[<)`, "gm")), name).toHaveLength(1);
  });

  it.each(COMMANDS.map((command) => [command.name, command] as const))(
    "the help text of %s names each of its options and none of another command",
    (_, command) => {
      const text = commandHelp(command, 80);
      const [, options = ""] = /^Options\n((?: .*\n)+)/m.exec(text) ?? [];
      const named = Array.from(options.matchAll(/^ {2}(?:-h, )?--([a-z-]+)/gm), ([, name]) => name);
      expect(named).toEqual([...Object.keys(command.options), "help"]);
    },
  );

  it.each(COMMANDS.flatMap(({ name, examples }) => examples.map((example) => [name, example] as const)))(
    "the help text of %s has the example %j, which the parser accepts",
    (name, example) => {
      const words = example.split(/ [|<>] /)[0]?.match(/"[^"]*"|\S+/g) ?? [];
      expect(parseCommandLine(words, COMMANDS)).toMatchObject({ kind: "run", command: { name } });
    },
  );

  it("--help shows the help text, wherever it stands", () => {
    for (const args of ["events replay --help", "--help events replay", "help events replay", "events replay d-1 -h"]) {
      expect(parseCommandLine(args.split(" "), COMMANDS), args).toMatchObject({
        kind: "help",
        command: { name: "events replay" },
      });
    }
  });
});

describe("the table of commands", () => {
  it("a command with --json has --output too", () => {
    for (const { name, options } of COMMANDS)
      expect("json" in options, name).toBe("output" in options && options["output"]?.value === "format");
  });

  it("an option of one name has the same type in every command", () => {
    const types = new Map<string, boolean>();
    for (const { options } of COMMANDS) {
      for (const [name, { value }] of Object.entries(options)) {
        expect(types.get(name) ?? value === undefined, name).toBe(value === undefined);
        types.set(name, value === undefined);
      }
    }
  });
});
