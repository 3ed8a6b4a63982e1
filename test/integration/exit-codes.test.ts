import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMANDS } from "../../shared/cli/commands.ts";
import { EXIT, exitCodeOf } from "../../shared/cli/exit-codes.ts";
import { runCommand } from "../../shared/cli/run-command.ts";
import { commandHost } from "../support/command-host.ts";
import { serveOnLoopback } from "../support/loopback.ts";

const ID = "d-twp4klpzkhwviq4i4tluhixvtv";
const CONFIG = `sources:
  gitlab: { provider: gitlab, signingToken: { current: "file:secret" } }
  cluster: { provider: tekton, basic: { username: tekton, password: { current: "file:secret" } } }
targets:
  listener: { kind: tekton, url: "http://127.0.0.1:9", runsReportedBy: cluster, listener: { namespace: ci } }
routes:
  push: { when: { detail-type: [code.pushed] }, do: { tekton: { target: listener } } }
`;

let home: string;
let config: string;
let bridge: Awaited<ReturnType<typeof serveOnLoopback>>;
/** What the bridge answers to every request. */
let status = 200;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "drawbridge-exit-"));
  config = join(home, "drawbridge.yaml");
  await writeFile(config, CONFIG.replaceAll("file:secret", `file:${join(home, "secret")}`));
  await writeFile(join(home, "secret"), `whsec_${Buffer.alloc(32, 7).toString("base64")}`);
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.all("*", () => Response.json({}, { status }));
  bridge = await serveOnLoopback(app, 0);
});
afterAll(async () => {
  await bridge?.close();
  await rm(home, { recursive: true, force: true });
});

async function exitOf(command: string, args: readonly string[], url = bridge.url.origin): Promise<number> {
  const environment = { DRAWBRIDGE_URL: url, DRAWBRIDGE_TOKEN: "token", DRAWBRIDGE_CONFIG: config, HOME: home };
  return runCommand([...command.split(" "), ...args], commandHost({ environment })).catch(exitCodeOf);
}

/** The arguments of each command that asks the bridge with a token, or posts to it. */
const ASKING: Readonly<Record<string, readonly string[]>> = {
  send: ["gitlab", "push"],
  "route test": ["--delivery", ID],
  explain: [ID],
  "events list": [],
  "events tail": [],
  "events show": [ID],
  "events thread": [ID],
  "events replay": [ID],
  rollback: ["push"],
  promote: ["push", "--from", "staging", "--to", "production"],
  run: ["deploy-docs", "--set", "environment=staging"],
  "report shadow": [],
  "approvals list": [],
  "approvals show": ["p-1"],
  "approvals grant": ["p-1"],
  "approvals deny": ["p-1"],
  "approvals withdraw": ["p-1"],
  "approvals emergency": ["p-1", "--comment", "the shop is down"],
  "access request": ["incident", "--for", "30m", "--reason", "the shop is down"],
  "access list": [],
  "access show": ["x-1"],
  "access grant": ["x-1"],
  "access deny": ["x-1"],
  "access revoke": ["x-1"],
  status: [],
  "targets list": [],
  "targets pause": ["listener", "--reason", "upgrade"],
  "targets resume": ["listener"],
  secrets: [],
  "sessions revoke": [],
};

/** Further arguments of commands that ask no bridge, with what each ends with. */
const LOCAL: readonly (readonly [command: string, args: readonly string[], code: number])[] = [
  ["access request", ["incident", "--for", "2d", "--reason", "the shop is down"], EXIT.usage],
  ["access request", ["incident", "--for", "30m"], EXIT.usage],
  ["check", [], EXIT.done],
  ["check", ["--config", "no-such-file.yaml"], EXIT.refused],
  ["check", ["--live"], EXIT.refused],
  ["completion", ["bash"], EXIT.done],
  ["completion", ["tcsh"], EXIT.usage],
  ["init", ["--sender", "nobody"], EXIT.usage],
  ["kong keys", ["--none"], EXIT.usage],
  ["kong render", ["--edition", "none"], EXIT.usage],
  ["login", [], EXIT.usage],
  ["logout", [], EXIT.done],
  ["mcp", ["find"], EXIT.usage],
  ["start", ["--config", "no-such-file.yaml"], EXIT.refused],
  ["store check", ["--data", "no-such-folder"], EXIT.refused],
  ["store backup", ["copy.db", "--data", "no-such-folder"], EXIT.refused],
  ["store restore", ["no-such-backup.db", "--data", "no-such-folder"], EXIT.refused],
  ["tekton forwarder", [], EXIT.usage],
  ["tekton gate", ["--task-namespaces", "ci,Foo_"], EXIT.usage],
  ["tekton interceptor", [], EXIT.usage],
  ["tekton render", ["listener"], EXIT.done],
  ["tekton render", ["nobody"], EXIT.usage],
  ["tekton sink", ["--namespace", "Foo_"], EXIT.usage],
  ["token explain", ["--file", "no-such-file"], EXIT.refused],
  ["upstream roles", ["nobody"], EXIT.usage],
];

describe("the exit codes of each command", () => {
  it("every command is in one of the tables, and no other", () => {
    const names = [...new Set([...Object.keys(ASKING), ...LOCAL.map(([name]) => name)])];
    expect(names.toSorted()).toEqual(COMMANDS.map(({ name }) => name).toSorted());
  });

  it.each(COMMANDS.map(({ name }) => name))("%s ends with 2 for an option that it does not have", async (name) => {
    expect(await exitOf(name, ["--no-such-option"])).toBe(EXIT.usage);
  });

  it.each([
    [401, EXIT.notAllowed],
    [403, EXIT.notAllowed],
    [404, EXIT.refused],
    [409, EXIT.refused],
    [429, EXIT.refused],
    [500, EXIT.refused],
    [502, EXIT.unreachable],
    [503, EXIT.unreachable],
    [504, EXIT.unreachable],
  ])("if the bridge answers %i, every command that asks it ends with %i", async (answer, code) => {
    status = answer;
    const ended: Record<string, number> = {};
    for (const [name, args] of Object.entries(ASKING)) ended[name] = await exitOf(name, args);
    expect(ended).toEqual(Object.fromEntries(Object.keys(ASKING).map((name) => [name, code])));
  });

  it("if nothing listens at the address of the bridge, every command that asks it ends with 3", async () => {
    const ended: Record<string, number> = {};
    for (const [name, args] of Object.entries(ASKING)) ended[name] = await exitOf(name, args, "http://127.0.0.1:9");
    expect(ended).toEqual(Object.fromEntries(Object.keys(ASKING).map((name) => [name, EXIT.unreachable])));
  });

  it("a bridge that is stopped is named before a token is asked for, and a running one asks for it", async () => {
    const without = async (url: string) => {
      const environment = { DRAWBRIDGE_URL: url, DRAWBRIDGE_CONFIG: config, HOME: home, XDG_CONFIG_HOME: home };
      const ended: Record<string, number> = {};
      for (const name of ["status", "explain", "events list"]) {
        const host = commandHost({ environment });
        ended[name] = await runCommand([...name.split(" "), ...(ASKING[name] ?? [])], host).catch(exitCodeOf);
      }
      return ended;
    };
    const all = (code: number) => ({ status: code, explain: code, "events list": code });
    expect(await without("http://127.0.0.1:9")).toEqual(all(EXIT.unreachable));
    expect(await without(bridge.url.origin)).toEqual(all(EXIT.usage));
  });

  it.each(LOCAL)("%s %j ends with %i", async (name, args, code) => {
    status = 503;
    expect(await exitOf(name, args)).toBe(code);
  });
});
