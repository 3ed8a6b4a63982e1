import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../../shared/cli/commands.ts";
import { completionScript } from "../../../shared/cli/completion.ts";

/** What bash offers for the last of these words. */
function completed(...words: readonly string[]): readonly string[] {
  const quoted = words.map((word) => `'${word}'`).join(" ");
  const script = `${completionScript("bash", COMMANDS)}
COMP_WORDS=(drawbridge ${quoted}); COMP_CWORD=${words.length}; _drawbridge; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync("bash", ["-c", script], { encoding: "utf8" });
  expect(stderr).toBe("");
  return stdout.trim().split("\n");
}

describe("the completion of bash", () => {
  it.each([
    [["ro"], ["rollback"]],
    [["ev"], ["events"]],
    [
      ["events", ""],
      ["list", "show", "replay"],
    ],
    [
      ["events", "replay", "d-1", "--"],
      ["--route", "--url", "--help"],
    ],
    [
      ["events", "list", "--outcome", ""],
      ["event", "ignored", "unusable", "refused"],
    ],
    [["events", "list", "--source", "wiki", "--outcome", "un"], ["unusable"]],
    [["events", "list", "--source", ""], [""]],
    [["send", "gitlab", "--c"], ["--config"]],
    [["completion", "f"], ["fish"]],
  ])("bash completes %j with %j", (words, offered) => {
    expect(completed(...words)).toEqual(offered);
  });
});

describe("the completion of zsh and fish", () => {
  it("zsh and fish know the name of every command and option", () => {
    for (const shell of ["zsh", "fish"]) {
      const script = completionScript(shell, COMMANDS);
      for (const { name, options } of COMMANDS) {
        for (const word of [...name.split(" "), ...Object.keys(options)])
          expect(script, `${shell} ${name}`).toContain(word);
      }
    }
  });
});
