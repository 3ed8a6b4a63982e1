import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { runCommand } from "../../../shared/cli/run-command.ts";
import { commandHost } from "../../support/command-host.ts";
import { serveOnLoopback } from "../../support/loopback.ts";

const run = (delivery: string) => ({ delivery, firedAt: "2026-11-02T09:00:00.000Z", state: "succeeded" });
const PLACE = { route: "docs", from: "staging", to: "production" };
const PREVIEW = {
  ...PLACE,
  run: { ...run("d-9"), reference: "c".repeat(40), digest: `sha256:${"d".repeat(64)}` },
  newest: run("d-3"),
  behind: "production is 3 commits behind staging",
  approval: { people: 1, roles: ["manager"] },
};
const PLACED = { ...PLACE, placed: { delivery: "d-5", replayOf: "d-4" } };
const REFUSED = { ...PREVIEW, problem: { reason: "promotion_running", title: "d-7 deploys to production" } };

/** Runs `promote docs` at a bridge that answers with this preview. `says`: the answer of a person at a terminal. */
async function promote(args: readonly string[], preview: object = PREVIEW, says?: string) {
  const lines: string[] = [];
  const warned: string[] = [];
  const posted: { readonly key: string | undefined; readonly body: unknown }[] = [];
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.get("/v1/promotions", (c) => c.json(c.req.query("key") === "used" ? PLACED : preview));
  app.post("/v1/promotions", async (c) => {
    posted.push({ key: c.req.header("idempotency-key"), body: await c.req.json() });
    return c.json({ delivery: "d-10", replayOf: "d-9", status: "accepted" }, 202);
  });
  const { url, close } = await serveOnLoopback(app, 0);
  try {
    const host = commandHost({
      environment: { DRAWBRIDGE_URL: url.origin, DRAWBRIDGE_TOKEN: "token" },
      print: (text) => void lines.push(text),
      warn: (text) => void warned.push(text),
      ...(says !== undefined && { openTerminal: () => ({ ask: async () => says, close: () => undefined }) }),
    });
    const code = await runCommand(["promote", "docs", "--from=staging", "--to=production", ...args], host);
    return { code, posted, lines, warned };
  } finally {
    await close();
  }
}

describe("promote", () => {
  it("fires exactly the run that the preview named, with a key and the reason", async () => {
    const { code, posted, lines } = await promote(["--key=k1", "--reason=release 42"]);
    expect(code).toBe(0);
    expect(posted).toEqual([{ key: "k1", body: { ...PLACE, run: "d-9", reason: "release 42" } }]);
    expect(lines).toEqual(["d-9 is promoted to production as d-10"]);
  });

  it("asks for the run that was named, whatever is newest now", async () => {
    const { posted } = await promote(["--key=k1", "--run=d-1"], REFUSED);
    expect(posted).toEqual([{ key: "k1", body: { ...PLACE, run: "d-1" } }]);
  });

  it.each<[string, readonly string[], object, string | undefined, number]>([
    ["a promotion that would be refused", [], REFUSED, undefined, 1],
    ["a dry run", ["--dry-run"], PREVIEW, undefined, 0],
    ["a dry run of what would be refused", ["--dry-run"], REFUSED, undefined, 1],
    ["a person who says no", [], PREVIEW, "n", 1],
  ])("%s fires nothing", async (_, args, preview, says, expected) => {
    const { code, posted, warned, lines } = await promote(args, preview, says);
    expect([code, posted]).toEqual([expected, []]);
    if (preview === REFUSED) expect(warned).toContainEqual(expect.stringContaining("promotion_running"));
    const shown = [...warned, ...lines].join("\n");
    // It fires nothing, so nothing is promoted or replaced.
    expect(shown).not.toMatch(/is promoted|is replaced|It needs/);
    if (preview === REFUSED) expect(shown).not.toMatch(/would be promoted|would be replaced|an approval/);
    if (preview === PREVIEW) {
      for (const text of [
        "3 commits behind",
        "would be promoted",
        "would be replaced",
        "c".repeat(40),
        "d-3",
        "an approval of one person with the role manager, and not you",
      ])
        expect(shown).toContain(text);
    }
  });

  it("with a key that was used before it asks nobody, and sends the run of that time", async () => {
    const { code, posted } = await promote(["--key=used"], REFUSED, "n");
    expect([code, posted]).toEqual([0, [{ key: "used", body: { ...PLACE, run: "d-4" } }]]);
    expect(await promote(["--key=used", "--dry-run"], REFUSED)).toMatchObject({
      code: 0,
      posted: [],
      lines: ["d-4 was promoted with this key before to production as d-5"],
    });
    expect(await promote(["--key=other"], REFUSED)).toMatchObject({ code: 1, posted: [] });
  });

  it("a person who says yes promotes it", async () => {
    expect((await promote([], PREVIEW, "y")).posted).toHaveLength(1);
  });

  it("needs both environments", async () => {
    const host = commandHost({ environment: { DRAWBRIDGE_URL: "http://127.0.0.1:9", DRAWBRIDGE_TOKEN: "token" } });
    await expect(runCommand(["promote", "docs", "--from=staging"], host)).rejects.toMatchObject({
      code: "usage_invalid",
    });
  });
});
