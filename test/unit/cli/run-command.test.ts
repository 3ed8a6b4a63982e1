import { describe, expect, it } from "vitest";
import { runCommand } from "../../../shared/cli/run-command.ts";
import { USAGE } from "../../../shared/cli/usage.ts";

async function run(...words: readonly string[]) {
  const printed: string[] = [];
  const options = { url: "http://127.0.0.1:9" };
  const code = await runCommand(words, options, {}, (text) => void printed.push(text));
  return { code, printed };
}

describe("the command line", () => {
  it("explains itself when it is asked to, and when it is told nothing, which is a mistake", async () => {
    expect(await run("help")).toEqual({ code: 0, printed: [USAGE] });
    expect(await run("help", "events")).toEqual({ code: 0, printed: [USAGE] });
    expect(await run()).toEqual({ code: 1, printed: [USAGE] });
  });

  it.each([
    [["bogus", "list"], 'no command "bogus"; see --help'],
    [["events"], 'no command "events"; there are: events list, events show, events replay'],
    [["approvals", "gratn", "p-1"], 'no command "approvals gratn"; there are: approvals list, approvals grant'],
    [["constructor"], 'no command "constructor"; see --help'],
    [["check", "x"], 'too many arguments: it is "check"'],
    [["events", "list", "x"], 'too many arguments: it is "events list"'],
    [["events", "show", "d-1", "x"], 'too many arguments: it is "events show <delivery>"'],
    [["send", "gitlab", "push", "x"], 'too many arguments: it is "send <provider> <event>"'],
    [["token", "explain", "x"], "the token is read from standard input"],
    [["token", "explain", "x", "y"], "the token is read from standard input"],
    [["events", "show"], "say which delivery"],
    [["events", "replay"], "say which delivery"],
    [["rollback"], "say which route"],
    [["tekton", "render"], "say which route"],
    [["approvals", "deny"], "say which approval"],
  ])("refuses %j, and says why", async (words, told) => {
    await expect(run(...words)).rejects.toMatchObject({
      code: "configuration_invalid",
      message: expect.stringContaining(told),
    });
  });
});
