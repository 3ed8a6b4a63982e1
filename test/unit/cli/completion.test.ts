import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../../shared/cli/commands.ts";
import { completionScript } from "../../../shared/cli/completion.ts";

/** What a shell offers for the last of these words. */
type Complete = (words: readonly string[]) => readonly string[];

function run(shell: string, args: readonly string[]): readonly string[] {
  const { stdout, stderr } = spawnSync(shell, args, { encoding: "utf8" });
  expect(stderr).toBe("");
  return stdout.trim().split("\n");
}

const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(" ");

const inBash: Complete = (words) =>
  run("bash", [
    "-c",
    `${completionScript("bash", COMMANDS)}
COMP_WORDS=(drawbridge ${quoted(words)}); COMP_CWORD=${words.length}; _drawbridge; printf '%s\\n' "\${COMPREPLY[@]}"`,
  ]);

/** Outside of its line editor zsh has no completion, so the script calls functions that print what they are given. */
const inZsh: Complete = (words) =>
  run("zsh", [
    "-f",
    "-c",
    `compdef() { }; _files() { print FILES }
compadd() { shift; local word; for word in "$@"; do [[ "$word" == "$words[CURRENT]"* ]] && print -r -- "$word"; done; true }
${completionScript("zsh", COMMANDS)}
words=(drawbridge ${quoted(words)}); CURRENT=${words.length + 1}; _drawbridge`,
  ]);

/** The words with their descriptions, and after an option that needs one, any file. */
const inFish: Complete = (words) =>
  run("fish", [
    "--no-config",
    "-c",
    `${completionScript("fish", COMMANDS)}
cd (mktemp -d); complete -C ${quoted([["drawbridge", ...words].join(" ")])}`,
  ]).map((line) => line.split("\t")[0] ?? "");

const SHELLS = [
  ["bash", inBash],
  ["zsh", inZsh],
  ["fish", inFish],
] as const;

const CASES: readonly (readonly [words: readonly string[], offered: readonly string[]])[] = [
  [["rol"], ["rollback"]],
  [["ev"], ["events"]],
  [
    ["events", ""],
    ["list", "tail", "show", "thread", "replay"],
  ],
  [
    ["events", "show", "d-1", "--"],
    ["--request", "--url", "--output", "--json", "--help"],
  ],
  [
    ["events", "list", "--outcome", ""],
    ["event", "ignored", "unusable", "refused", "audit"],
  ],
  [["events", "list", "--source", "wiki", "--outcome", "un"], ["unusable"]],
  [
    ["events", "tail", "--output", "js"],
    ["json", "jsonl"],
  ],
  [["send", "gitlab", "--c"], ["--config"]],
  // The options of "check" are not those of "store check".
  [["store", "check", "--li"], [""]],
  [["check", "--li"], ["--live"]],
  [["completion", "f"], ["fish"]],
];

describe.each(SHELLS)("the completion of %s", (shell, complete) => {
  const isMissing = spawnSync(shell, ["-c", "true"]).error !== undefined;
  const leftOut = isMissing ? ` (left out: ${shell} is not installed)` : "";
  it.skipIf(isMissing).each(CASES)(`${shell} completes %j with %j${leftOut}`, (words, offered) => {
    // Each shell sorts in its own way.
    expect(complete(words).toSorted()).toEqual(offered.toSorted());
  });

  it(`the script for ${shell} knows the name of every command and option`, () => {
    const script = completionScript(shell, COMMANDS);
    for (const { name, options } of COMMANDS) {
      for (const word of [...name.split(" "), ...Object.keys(options)]) expect(script, name).toContain(word);
    }
  });
});

describe("the completion of a file", () => {
  it("bash leaves the value of an option without known values to the names of files", () => {
    expect(inBash(["events", "list", "--source", ""])).toEqual([""]);
  });
});
