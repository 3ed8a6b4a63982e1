import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { runCommand } from "../../../shared/cli/run-command.ts";
import { commandHost } from "../../support/command-host.ts";
import { serveOnLoopback } from "../../support/loopback.ts";

/** Runs `explain main` at a bridge that finds nothing on so many pages. Returns the queries, and what was printed. */
async function explained(emptyPages: number) {
  const queries: string[] = [];
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.get("/v1/refusals", (c) => c.json({ refusals: [], sources: [], from: "2026-11-02T09:00:00.000Z" }));
  app.get("/v1/deliveries", (c) => {
    const { find, text, cursor = "1" } = c.req.query();
    queries.push(`${find === undefined ? `text ${text}` : `find ${find}`} ${cursor}`);
    const page = Number(cursor);
    const isLast = page > emptyPages;
    const lookedBackTo = `2026-11-01T0${Math.min(page, 9)}:00:00.000Z`;
    return c.json({ deliveries: [], lookedBackTo, ...(!isLast && { next: String(page + 1) }) });
  });
  const { url, close } = await serveOnLoopback(app, 0);
  const lines: string[] = [];
  try {
    const environment = { DRAWBRIDGE_URL: url.origin, DRAWBRIDGE_TOKEN: "token" };
    const print = (line: string): void => void lines.push(line);
    const code = await runCommand(["explain", "main"], commandHost({ environment, print }));
    return { queries, code, text: lines.join("\n") };
  } finally {
    await close();
  }
}

describe("what nothing is found for on the first page", () => {
  it("the pages that follow are looked at before it is said that no delivery has it", async () => {
    const { queries, code, text } = await explained(2);
    expect(queries).toEqual(["find main 1", "find main 2", "find main 3", "text main 1", "text main 2", "text main 3"]);
    expect([code, text]).toEqual([1, 'no delivery has "main"']);
  });

  it("if they have no end, the answer says how far back they were looked at", async () => {
    const { queries, code, text } = await explained(1_000);
    expect(queries).toHaveLength(10);
    expect(code).toBe(1);
    expect(text).toMatch(/^no delivery has "main" since .*; older ones were not looked at$/);
  });
});
