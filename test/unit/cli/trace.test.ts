import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { afterEach, describe, expect, it } from "vitest";
import type { ShownDelivery } from "../../../shared/cli/responses.ts";
import { trace } from "../../../shared/cli/trace.ts";
import { serveOnLoopback } from "../../support/loopback.ts";

const START = Date.parse("2026-11-02T09:00:00Z");
const at = (ms: number): string => new Date(START + ms).toISOString();
const principal = { issuer: "i", subject: "wiki", method: "hub-signature", credential: "current", roles: [] };

type Entry = ShownDelivery["timeline"][number];
const attempt = (ms: number, route: string): Entry => ({
  kind: "attempt",
  at: at(ms),
  route,
  action: "tekton",
  attempt: 1,
  outcome: "done",
  summary: "done",
  durationMs: 5,
});
const followedBy = (ms: number, delivery: string): Entry => ({ kind: "followed_by", at: at(ms), delivery, what: "b" });

interface Reading {
  readonly what: string;
  readonly receivedMs: number;
  readonly timeline: readonly Entry[];
}

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A bridge that answers each question for a delivery with the next reading, and then with the last one. */
async function sessionOver(readings: Readonly<Record<string, readonly Reading[]>>) {
  const asked = new Map<string, number>();
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.get("/v1/deliveries/:id", (c) => {
    const id = c.req.param("id");
    const count = asked.get(id) ?? 0;
    asked.set(id, count + 1);
    const reading = readings[id]?.[count] ?? readings[id]?.at(-1);
    if (reading === undefined) return c.notFound();
    const { what, receivedMs, timeline } = reading;
    const facts = { id, source: "wiki", provider: "confluence", receivedAt: at(receivedMs), outcome: "event", what };
    return c.json({
      delivery: { ...facts, principal, requestId: "r", bodyDigest: "0", bodyBytes: 1 },
      events: [],
      timeline,
    });
  });
  const { url, close } = await serveOnLoopback(app, 0);
  closing.push(close);
  return { url, isPlayground: false, config: () => "drawbridge.yaml", token: async () => "token" };
}

describe("a trace", () => {
  const isEnd = (entry: { readonly kind: string }, what: string) => what === "build" && entry.kind === "attempt";

  async function tracedTimes(readings: Readonly<Record<string, readonly Reading[]>>, timeoutMs = 5_000) {
    const lines: string[] = [];
    const print = (line: string): void => void lines.push(line);
    const hasEnded = await trace(await sessionOver(readings), "d-1", { print, isEnd, timeoutMs, pollMs: 5 });
    return { hasEnded, lines, times: lines.map((line) => Number.parseInt(line, 10)) };
  }

  it("a trace prints its lines in order of time, although later lines are found first", async () => {
    const early = [attempt(20, "one"), attempt(913, "two")];
    const late = [...early, attempt(737, "three"), followedBy(800, "d-2")];
    const { hasEnded, times } = await tracedTimes({
      "d-1": [
        { what: "edit", receivedMs: 0, timeline: early },
        { what: "edit", receivedMs: 0, timeline: late },
      ],
      "d-2": [{ what: "build", receivedMs: 790, timeline: [attempt(950, "page")] }],
    });
    expect(hasEnded).toBe(true);
    expect(times).toEqual([0, 20, 737, 790, 800, 913, 950]);
  });

  it("a trace prints a line that is earlier than the end and is found after it", async () => {
    const follows = [followedBy(100, "d-2")];
    const { times } = await tracedTimes({
      "d-1": [
        { what: "edit", receivedMs: 0, timeline: follows },
        { what: "edit", receivedMs: 0, timeline: [...follows, attempt(140, "one"), attempt(300, "later")] },
      ],
      "d-2": [{ what: "build", receivedMs: 90, timeline: [attempt(150, "page")] }],
    });
    expect(times).toEqual([0, 90, 100, 140, 150]);
  });

  it("a trace prints what is known if the end does not come in time", async () => {
    const { hasEnded, times } = await tracedTimes(
      { "d-1": [{ what: "edit", receivedMs: 0, timeline: [attempt(20, "one")] }] },
      20,
    );
    expect([hasEnded, times]).toEqual([false, [0, 20]]);
  });
});
