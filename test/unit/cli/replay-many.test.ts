import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { runCommand } from "../../../shared/cli/run-command.ts";
import { commandHost } from "../../support/command-host.ts";
import { serveOnLoopback } from "../../support/loopback.ts";

const SINCE = "2026-11-02T09:00:00.000Z";
const GIVEN_UP = { state: "given_up", since: SINCE };

/** Runs `events replay` at a bridge that has one delivery, whose routes are in these states. Returns what it replayed. */
async function replayed(
  states: readonly (readonly [route: string, state: string])[],
  {
    allowed,
    args = [],
    isOutdated = false,
  }: { readonly allowed: readonly string[]; readonly args?: readonly string[]; readonly isOutdated?: boolean },
) {
  const sent: unknown[] = [];
  const lines: string[] = [];
  const app = new Hono<{ Bindings: HttpBindings }>();
  const routes = states.map(([route, state]) => ({ route, state, since: SINCE }));
  app.get("/v1/deliveries", (c) => c.json({ deliveries: [{ id: "d-1", routes }] }));
  app.get("/v1/deliveries/d-1/replay", (c) => {
    const shown = allowed.map((route) => ({ route, recorded: true, fires: true }));
    return c.json({ delivery: "d-1", routes: shown });
  });
  app.post("/v1/deliveries/d-1/replay", async (c) => {
    sent.push(await c.req.json());
    if (isOutdated) return c.json({ title: "it is now ran", reason: "replay_outdated" }, 409);
    return c.json({ delivery: "d-2", replayOf: "d-1", status: "accepted" });
  });
  const { url, close } = await serveOnLoopback(app, 0);
  try {
    const environment = { DRAWBRIDGE_URL: url.origin, DRAWBRIDGE_TOKEN: "token" };
    const print = (line: string): void => void lines.push(line);
    const all = ["events", "replay", "--state", "given_up", ...args];
    await runCommand(all, commandHost({ environment, print }));
  } finally {
    await close();
  }
  return { sent, text: lines.join("\n") };
}

describe("a replay of many deliveries", () => {
  const mixed = [
    ["docs", "given_up"],
    ["docs", "ran"],
  ] as const;

  it("a route that ran for another event of the delivery is not run again without --force", async () => {
    const rejected = { code: "usage_invalid", message: expect.stringMatching(/ran: .* docs of d-1; .* --force/) };
    await expect(replayed(mixed, { allowed: ["docs"] })).rejects.toMatchObject(rejected);
    await expect(replayed(mixed, { allowed: ["docs"], args: ["--dry-run"] })).rejects.toMatchObject(rejected);
    expect((await replayed(mixed, { allowed: ["docs"], args: ["--force"] })).sent).toEqual([
      { route: "docs", expected: GIVEN_UP, force: true },
    ]);
  });

  it("another route that ran is not run again, so it needs no --force", async () => {
    const other = [
      ["docs", "given_up"],
      ["status", "ran"],
    ] as const;
    expect((await replayed(other, { allowed: ["docs", "status"] })).sent).toEqual([
      { route: "docs", expected: GIVEN_UP },
    ]);
  });

  it("a route that the caller may not run again is not counted as one that matches no more", async () => {
    const two = [
      ["docs", "given_up"],
      ["secret", "given_up"],
    ] as const;
    const { text } = await replayed(two, { allowed: ["docs"] });
    expect(text).toBe("1 run again, 0 had been before, 0 left, 0 match no more, 1 cannot be run again by you");
    const preview = await replayed(two, { allowed: ["docs"], args: ["--dry-run"] });
    expect(preview.sent).toEqual([]);
    expect(preview.text).toMatch(/MATCH NO MORE +NOT BY YOU\n/);
    expect(preview.text).toMatch(/^secret +given_up +0 +0 +1$/m);
  });

  it("a route that has another state meanwhile is left alone, and counted", async () => {
    const { text } = await replayed([["docs", "given_up"]], { allowed: ["docs"], isOutdated: true });
    expect(text).toMatch(/^0 run again, 0 had been before, 0 left, .*, 1 changed meanwhile and were left alone$/);
  });
});
