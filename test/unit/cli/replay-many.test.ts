import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { runCommand } from "../../../shared/cli/run-command.ts";
import { commandHost } from "../../support/command-host.ts";
import { serveOnLoopback } from "../../support/loopback.ts";

const NOTHING = { runs: 0, unsafe: 0, replayed: 0, unmatched: 0, forbidden: 0 };
const FAILED = { route: "docs", state: "given_up", ...NOTHING, runs: 3 };
const MIXED = [FAILED, { ...NOTHING, route: "docs", state: "ran", unsafe: 2, replayed: 1, forbidden: 4 }];

interface Bridge {
  readonly routes: readonly (typeof FAILED & { readonly needsApproval?: true })[];
  readonly isCut?: boolean;
  /** Asked for the progress, it has ended. */
  readonly endsWith?: { readonly state: "done" | "stopped"; readonly accepted: number };
  readonly onProgress?: () => void;
}

/** Runs `events replay` at a bridge that counts these routes. Returns what was sent, and what was printed. */
async function replay(args: readonly string[], bridge: Bridge, interrupted = new AbortController()) {
  const sent: Record<string, unknown>[] = [];
  const printed: string[] = [];
  const warned: string[] = [];
  const app = new Hono<{ Bindings: HttpBindings }>();
  const total = bridge.routes.reduce((sum, { runs }) => sum + runs, 0);
  const orderOf = (state: string, accepted: number) => {
    const counts = { accepted, duplicate: 0, outdated: 0, refused: 0 };
    return { id: "r-1", state, total, handled: accepted, counts };
  };
  app.post("/v1/replay-preview", async (c) => {
    sent.push({ preview: await c.req.json() });
    const { routes, isCut } = bridge;
    return c.json({ deliveries: 3, total, routes, ...(isCut && { isCut }) });
  });
  app.post("/v1/replays", async (c) => {
    sent.push({ order: await c.req.json() });
    return c.json(orderOf("running", 1), 202);
  });
  let readsAfterStop = 0;
  app.get("/v1/replays/r-1", (c) => {
    // The step under way when the order was stopped is counted later.
    if (sent.some(({ stop }) => stop)) return c.json(orderOf("stopped", readsAfterStop++ === 0 ? 1 : 2));
    bridge.onProgress?.();
    const { state, accepted } = bridge.endsWith ?? { state: "running", accepted: 1 };
    return c.json(orderOf(state, accepted));
  });
  app.post("/v1/replays/r-1/stop", (c) => {
    sent.push({ stop: true });
    return c.json(orderOf("stopped", 1));
  });
  const { url, close } = await serveOnLoopback(app, 0);
  try {
    const environment = { DRAWBRIDGE_URL: url.origin, DRAWBRIDGE_TOKEN: "token" };
    const print = (line: string): void => void printed.push(line);
    const warn = (line: string): void => void warned.push(line);
    const host = commandHost({ environment, print, warn, interrupted: () => interrupted.signal });
    const code = await runCommand(["events", "replay", ...args], host);
    return { sent, code, text: printed.join("\n"), warned: warned.join("\n") };
  } finally {
    await close();
  }
}

describe("a replay of many deliveries", () => {
  it("a dry run counts what would run and why the rest would not, whatever its state, and orders nothing", async () => {
    const { sent, text, code } = await replay(["--state", "ran,given_up", "--dry-run"], { routes: MIXED, isCut: true });
    expect(sent).toEqual([{ preview: { query: { state: "ran,given_up" } } }]);
    expect(text).toMatch(/^ROUTE +STATE +WOULD RUN +NEED --force +RUN AGAIN BEFORE +NOT BY YOU\n/);
    expect(text).toMatch(/^docs +ran +0 +2 +1 +4$/m);
    expect(text).toMatch(/\n3 would run again; nothing was sent\. There may be more/);
    expect(code).toBe(0);
  });

  it("a dry run says which routes wait for an approval, and how many of their runs", async () => {
    const routes = [FAILED, { ...FAILED, route: "site", runs: 2, needsApproval: true as const }];
    const { text } = await replay(["--dry-run"], { routes });
    expect(text).toMatch(/^site +given_up +2 +needs an approval$/m);
    expect(text).toMatch(/^docs +given_up +3 +-$/m);
    expect(text).toMatch(/\n5 would run again, 2 of them after an approval; nothing was sent$/);
  });

  it("it orders what it counted, with a reason, and says what was done and what was left out", async () => {
    const args = ["--route", "docs", "--reason", "INC-1", "--rate", "2"];
    const done = await replay(args, { routes: MIXED, endsWith: { state: "done", accepted: 3 } });
    const query = { route: "docs", state: "given_up" };
    expect(done.sent).toEqual([{ preview: { query } }, { order: { query, reason: "INC-1", rate: 2 } }]);
    expect(done.text).toBe(
      "3 run again, 1 had been before, 0 left, 2 may have run already and need --force, 4 cannot be run again by you",
    );
    expect(done.code).toBe(0);
  });

  it("without a reason nothing is asked of the bridge", async () => {
    await expect(replay(["--route", "docs", "--force"], { routes: [FAILED] })).rejects.toMatchObject({
      code: "usage_invalid",
    });
  });

  it("named deliveries are selected in any state, and those that cannot be read are counted", async () => {
    const ids = ["d-1", "--delivery", "d-2", "--delivery", "d-3", "--delivery", "d-4", "--today", "--dry-run"];
    const { sent, warned } = await replay(ids, { routes: [FAILED] });
    expect(sent).toEqual([{ preview: { deliveries: ["d-1", "d-2", "d-3", "d-4"], query: {}, today: true } }]);
    expect(warned).toMatch(/^1 of these deliveries cannot be read/);
  });

  it("a search for what matches only today is not confined to what failed", async () => {
    const { sent } = await replay(["--today", "--route", "docs", "--dry-run"], { routes: [FAILED] });
    expect(sent).toEqual([{ preview: { query: { route: "docs" }, today: true } }]);
  });

  it("an interrupted command stops its order, and prints what its last step left, and the command that goes on", async () => {
    const interrupted = new AbortController();
    const onProgress = () => interrupted.abort(130);
    const args = ["--route", "docs", "--reason", "it's down"];
    const { sent, warned, code } = await replay(args, { routes: [FAILED], isCut: true, onProgress }, interrupted);
    expect(sent.at(-1)).toEqual({ stop: true });
    expect(warned).toMatch(/^stopped: 2 run again, .* 1 left; the same command goes on: .* --reason 'it'\\''s down'$/m);
    expect(warned).toMatch(/^there may be more than was counted/m);
    expect(code).toBe(130);
  });

  it("an order that somebody else stopped is no success", async () => {
    const args = ["--route", "docs", "--reason", "INC-1"];
    const { warned, code } = await replay(args, { routes: [FAILED], endsWith: { state: "stopped", accepted: 2 } });
    expect(warned).toMatch(/^stopped: 2 run again/);
    expect(code).toBe(1);
  });
});
