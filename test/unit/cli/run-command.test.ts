import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { EXIT_CODES } from "../../../shared/cli/exit-codes.ts";
import { runCommand } from "../../../shared/cli/run-command.ts";
import { providers } from "../../../shared/providers/registry.ts";
import { commandHost } from "../../support/command-host.ts";
import { whole } from "../config/files.ts";

/** Nothing listens at this address: a command that calls it fails with `target_unreachable`. */
const environment = { DRAWBRIDGE_URL: "http://127.0.0.1:9", DRAWBRIDGE_TOKEN: "token" };

async function run(...args: readonly string[]) {
  const printed: string[] = [];
  const code = await runCommand(args, commandHost({ environment, print: (text) => void printed.push(text) }));
  return { code, text: printed.join("\n") };
}

const rejection = (message: string) => ({ code: "usage_invalid", message: expect.stringContaining(message) });

describe("the command line", () => {
  it.each([[["--help"]], [["-h"]], [["help"]]])("the command line prints all commands for %j", async (args) => {
    const { code, text } = await run(...args);
    expect([code, text]).toEqual([0, expect.stringContaining("Usage: drawbridge <command> [options]")]);
  });

  it("the command line prints all commands and exits with 2 if no command is given", async () => {
    const { code, text } = await run();
    expect([code, text]).toEqual([2, expect.stringContaining("Usage: drawbridge <command> [options]")]);
  });

  it.each(["events", "approvals", "token", "tekton", "report"])(
    "the command line prints only the commands of the group for %s --help",
    async (group) => {
      const { code, text } = await run(group, "--help");
      const listed = Array.from(text.matchAll(/^ {2}(?!drawbridge)(\S+)/gm), ([, word]) => word);
      expect([code, new Set(listed)]).toEqual([0, new Set([group])]);
      expect(text).toContain(`Usage: drawbridge ${group} <command> [options]`);
      expect(await run("help", group)).toEqual({ code, text });
    },
  );

  it("the providers are listed for send alone", async () => {
    const names = providers.map(({ name }) => name);
    expect(await run("send")).toEqual({ code: 0, text: names.join("\n") });
  });

  it("the exit codes are printed with their meanings", async () => {
    const { code, text } = await run("help", "exit-codes");
    expect(code).toBe(0);
    for (const [exit, meaning] of EXIT_CODES)
      expect(text).toMatch(new RegExp(`^  ${exit} +${meaning.slice(0, 12)}`, "m"));
  });

  it("the command line prints the version", async () => {
    expect(await run("--version")).toEqual({ code: 0, text: "0.0.0" });
  });

  it.each([
    [["bogus", "list"], 'there is no command "bogus"; see drawbridge --help'],
    [["chekc"], 'there is no command "chekc"; did you mean "check"?'],
    [["event", "list"], 'there is no command "event"; did you mean "events"?'],
    [["replay", "d-1"], 'there is no command "replay"; did you mean "events replay"?'],
    [
      ["list"],
      'there is no command "list"; did you mean "events list" or "approvals list" or "access list" or "targets list"?',
    ],
    [["bogus", "--help"], 'there is no command "bogus"'],
    [["events"], "which of these? events list, events tail, events show, events thread, events replay"],
    [["approvals", "gratn", "p-1"], 'there is no command "approvals gratn"; did you mean "approvals grant"?'],
    [["approvals", "x"], 'there is no command "approvals x"; there are: approvals list, approvals show'],
    [["constructor"], 'there is no command "constructor"; see drawbridge --help'],
    [["--config", "x"], "--config needs a command; see drawbridge --help"],
  ])("the unknown command of %j is rejected and the nearest is named", async (args, message) => {
    await expect(run(...args)).rejects.toMatchObject(rejection(message));
  });

  it.each([
    [["check", "x"], "a target is checked with --live: check --live <target>"],
    [["check", "--live", "--dry-run"], "--dry-run needs --live and a target"],
    [["check", "--dry-run"], "--dry-run needs --live and a target"],
    [["check", "--live", "--timeout", "5"], "--timeout needs --live and a target"],
    [["check", "--timeout", "5"], "--timeout needs --live and a target"],
    [["check", "--live", "x", "--page", "1", "--dry-run"], "--dry-run needs --live and a target, and no --page"],
    [["check", "--live", "x", "--json"], "without --json"],
    ...["", "/", "/webhooks", "/webhooks/", "/webhooks/ci/", "/webhooks/ci?a=b"].flatMap(
      (path): [string[], string][] => [
        ...["interceptor", "forwarder"].map((part): [string[], string] => [
          ["tekton", part, "--source", `https://bridge.example.test${path}`, "--image", "i"],
          "--source must end in /webhooks/<source>",
        ]),
        [
          ["tekton", "sink", `https://bridge.example.test${path}`],
          path.includes("?") ? "without user and query" : "must end in /webhooks/<source>",
        ],
      ],
    ),
    // The forwarder of another namespace has no such path.
    [["tekton", "sink", "http://drawbridge-forwarder.ci.svc:8080/"], "--password is missing"],
    [["tekton", "sink", "--namespace", "Foo_"], "the name of a namespace"],
    [["check", "--live", "x", "y"], 'too many arguments: it is "check [<target>]"'],
    [["start", "x"], 'too many arguments: it is "start"'],
    [["events", "list", "x"], 'too many arguments: it is "events list"'],
    [["events", "show", "d-1", "x"], 'too many arguments: it is "events show <delivery>"'],
    [["send", "gitlab", "push", "x"], 'too many arguments: it is "send [<provider>] [<event>]"'],
    [["token", "explain", "x"], "the token is read from standard input"],
    [["token", "explain", "x", "y"], "the token is read from standard input"],
    [["events", "show"], 'which delivery? It is "events show <delivery>"'],
    [["events", "replay"], "which deliveries?"],
    [["rollback"], "which route?"],
    [["tekton", "render"], "which target?"],
    [["approvals", "deny"], "which approval?"],
    [["send", "gitlba"], 'there is no provider "gitlba" (did you mean "gitlab"?)'],
    [["send", "status"], `there is no provider "status" (known: ${providers.map(({ name }) => name).join(", ")})`],
    [["send", "gitlab", "pus"], 'gitlab has no fixture "pus"; it has: '],
    [["events", "show", ""], 'which delivery? It is "events show <delivery>"'],
    [["events", "show", " "], "which delivery?"],
    [["events", "replay", "."], "which delivery?"],
    [["approvals", "grant", ".."], "which approval?"],
    [["rollback", ""], "which route?"],
    [["tekton", "render", ".."], "which target?"],
    [["completion", "tcsh"], "shell must be one of bash, zsh, fish"],
  ])("the arguments of %j are rejected, and the message says what is right", async (args, message) => {
    await expect(run(...args)).rejects.toMatchObject(rejection(message));
  });

  it.each([
    [["events", "replay", "d-1", "--environment", "prod"], 'it is an option of "rollback"'],
    [["events", "replay", "d-1", "--environment", "prod"], "The options here are --delivery, --state, --route"],
    [["events", "replay", "d-1", "--rout", "docs"], "did you mean --route?"],
    [
      ["approvals", "grant", "p-1", "--route", "x"],
      '"approvals grant" has no option --route: it is an option of "events list"',
    ],
    [["rollback", "docs", "--limit", "5"], 'it is an option of "events list"'],
    [["check", "--port", "3"], 'it is an option of "start"'],
    [["check", "--cofnig", "x"], '"check" has no option --cofnig: did you mean --config?'],
    [["check", "--constructor"], '"check" has no option --constructor: '],
    [["check", "-p"], '"check" has no option -p: '],
    [["--route", "docs", "check"], '"check" has no option --route'],
  ])("an option that the command of %j does not have is rejected", async (args, message) => {
    await expect(run(...args)).rejects.toMatchObject(rejection(message));
  });

  it.each([
    [["events", "replay", "d-1", "--route", "a", "--route", "b"], "--route is given more than once"],
    [["check", "--strict", "--strict"], "--strict is given more than once"],
    [["events", "replay", "d-1", "--route"], "--route needs a value: --route <name>"],
    [["events", "replay", "d-1", "--route", "--url", "x"], "--route needs a value: --route <name>"],
    [["events", "replay", "d-1", "--route="], "--route needs a value: --route <name>"],
    [["events", "replay", "d-1", "--route", ""], "--route needs a value: --route <name>"],
    [["start", "--port="], "--port needs a value: --port <port>"],
    [["start", "--port", "abc"], "--port must be a whole number from 0 to 65535"],
    [["start", "--port", "99999"], "--port must be a whole number from 0 to 65535"],
    [["start", "--port=-1"], "--port must be a whole number from 0 to 65535"],
    [["check", "--live=yes"], "--live takes no value"],
    [["events", "list", "--limit", "abc"], "--limit must be a whole number from 1 to 200"],
    [["events", "list", "--limit", "0"], "--limit must be a whole number from 1 to 200"],
    [["events", "list", "--limit", "201"], "--limit must be a whole number from 1 to 200"],
    [["events", "list", "--since", "yesterday"], "--since must be a time: "],
    [["events", "list", "--since", "2026-02-31T00:00:00Z"], "--since must be a time: "],
    [["report", "shadow", "--until", "2026-02-29T00:00:00+01:00"], "--until must be a time: "],
    [["events", "list", "--until", "2026-13-01T00:00:00Z"], "--until must be a time: "],
    [["events", "list", "--outcome", "lost"], "--outcome must be one of event, ignored, unusable, refused"],
    [["events", "list", "--output", "yaml"], "--output must be one of table, json, jsonl"],
    [["events", "list", "--json", "--output", "table"], "not with --output table"],
    [["check", "--live", "--strict"], "--strict is about the configuration"],
    [["check", "--url", "http://127.0.0.1:9"], "only with --live"],
  ])("the value in %j is rejected before any call", async (args, message) => {
    await expect(run(...args)).rejects.toMatchObject(rejection(message));
  });

  it.each([
    [["events", "replay", "d-1", "--route=docs"]],
    [["--route", "docs", "events", "replay", "d-1"]],
    [["events", "--route", "docs", "replay", "d-1", "--url=http://127.0.0.1:9"]],
    [["events", "list", "--text=-x", "--limit", "200", "--since", "2026-11-02T08:00:00.5+01:00"]],
    [["events", "list", "--since", "2028-02-29T08:00Z"]],
    [["events", "list", "--since", "2h", "--until", "30m", "--output", "jsonl"]],
    [["events", "list", "--since", "02:00", "--json", "--output", "json"]],
  ])("the arguments %j are understood, and the bridge is called", async (args) => {
    await expect(run(...args)).rejects.toMatchObject({ code: "target_unreachable" });
  });
});

describe("a name that the configuration does not have", () => {
  it.each([
    [["token", "explain", "--entry", "nope"], 'there is no trust entry "nope"; there are: cluster'],
    [["token", "explain", "--entry", "constructor"], 'there is no trust entry "constructor"'],
    [["tekton", "render", "nope"], 'no target "nope" has the kind tekton; these have: docs-listener'],
    [["tekton", "render", "pages"], 'no target "pages" has the kind tekton'],
    [["tekton", "render", "docs-build"], '"docs-build" is a route'],
  ])(
    "the arguments %j are rejected as a wrong command line, before anything is read or called",
    async (args, message) => {
      const home = await mkdtemp(join(tmpdir(), "drawbridge-names-"));
      const path = join(home, "drawbridge.yaml");
      await writeFile(path, whole);
      const running = run(...args, "--config", path);
      await expect(running).rejects.toMatchObject(rejection(message));
      await rm(home, { recursive: true, force: true });
    },
  );
});

describe("the check command", () => {
  it("the check command replaces control characters of a key before it prints a finding", async () => {
    const home = await mkdtemp(join(tmpdir(), "drawbridge-check-"));
    const path = join(home, "drawbridge.yaml");
    await writeFile(path, 'sources: {}\n"a\\e[2J\\u009b": 1\n');
    const { code, text } = await run("check", "--config", path);
    await rm(home, { recursive: true, force: true });
    expect([code, text]).toEqual([1, expect.stringContaining('there is no "a?[2J?" here')]);
    expect(text.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
  });
});
