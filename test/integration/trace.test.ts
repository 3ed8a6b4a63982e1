import { afterEach, describe, expect, it, vi } from "vitest";
import type { Log, LogFields } from "../../shared/host/log.ts";
import { awsBridge, pageAfterTurn } from "../support/aws-bridge.ts";
import { storesOf } from "../support/aws-stream.ts";
import { PAGE, standaloneBridge } from "../support/standalone-bridge.ts";
import { until } from "../support/until.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER = `00-${TRACE}-00f067aa0ba902b7-01`;

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const clean of cleanups.splice(0)) await clean();
});

/** The `traceparent` of every request that went out to an address. */
function sentTo(address: string): () => readonly (string | null)[] {
  const calls = vi.spyOn(globalThis, "fetch").mock.calls;
  const sent = () => calls.filter(([url]) => String(url).startsWith(address));
  return () => sent().map(([, init]) => new Headers(init?.headers).get("traceparent"));
}

const traceOf = (traceparent: string | null | undefined) => traceparent?.split("-")[1];
const spanOf = (traceparent: string | null | undefined) => traceparent?.split("-")[2];

describe("the trace of a page edit", () => {
  it("one trace in AWS covers the request, the record, the event, the log and every request that follows", async () => {
    const bridge = await awsBridge();
    cleanups.push(bridge.stop);
    const toPages = sentTo(bridge.site);
    const receipt = (await (await bridge.edit({ traceparent: CALLER })).json()) as { readonly delivery: string };
    await until("the page to show PASSED", pageAfterTurn(bridge), (body) => body.includes("PASSED"));
    const record = await storesOf(bridge.account).deliveries.get(receipt.delivery);
    const event = bridge.published.find(({ detail }) => detail.delivery === receipt.delivery);
    const atListener = bridge.listener.requests.map(({ headers }) => headers.get("traceparent"));
    expect(atListener).toHaveLength(1);
    expect(toPages().length).toBeGreaterThan(1);
    expect(event?.detail.traceparent).toBe(record?.traceparent);
    const places = [CALLER, record?.traceparent, ...atListener, ...toPages()];
    expect(new Set(places.map(traceOf))).toEqual(new Set([TRACE]));
    expect(new Set(places.map(spanOf)).size).toBe(places.length);

    const lines = bridge.account.lines.map((line) => JSON.parse(line) as LogFields);
    const ofTrace = lines
      .filter(({ trace }) => trace === TRACE)
      .map(({ service, message }) => `${service}: ${message}`);
    expect(ofTrace).toContain("receive: delivery");
    expect(ofTrace).toContain("act-tekton: accepted by the listener, run expected");
    expect(ofTrace).toContainEqual(expect.stringMatching(`^act-confluence: page ${PAGE}`));
  });

  it("one trace on one machine covers the log and every request that follows", async () => {
    const lines: LogFields[] = [];
    const line: Log["info"] = (fields, message) => void lines.push({ ...fields, message });
    const bridge = await standaloneBridge({ log: { info: line, warn: line, error: line } });
    cleanups.push(bridge.stop);
    const toPages = sentTo(bridge.confluence.site("data-center"));
    await bridge.pageEdit({ timestamp: 1_793_600_000_000, event: "page_updated", page: { id: Number(PAGE) } });
    const page = () => bridge.confluence.page(PAGE).latest.body;
    await until("the page to show PASSED", page, (body) => body.includes("PASSED"));
    const [edit] = lines.filter(({ source, message }) => source === "wiki" && message === "delivery");
    // The request had no trace, so this is a new one.
    expect(edit?.["trace"]).toMatch(/^[0-9a-f]{32}$/);
    const atListener = bridge.listener.requests.map(({ headers }) => headers.get("traceparent"));
    expect(new Set([...atListener, ...toPages()].map(traceOf))).toEqual(new Set([edit?.["trace"]]));
    const attempts = lines.filter(({ route, outcome }) => route !== undefined && outcome !== undefined);
    expect(attempts.length).toBeGreaterThan(1);
    expect(new Set(attempts.map(({ trace }) => trace))).toEqual(new Set([edit?.["trace"]]));
  });

  it("a trace contains nothing of a caller's header that is not of its form", async () => {
    const bridge = await awsBridge();
    cleanups.push(bridge.stop);
    const canary = "canary-of-a-stranger";
    const answer = await bridge.edit({
      traceparent: `${CALLER}-${canary}`,
      tracestate: canary,
    });
    expect(answer.status).toBe(202);
    const requestsAfterTurn = async () => {
      await bridge.turn();
      return bridge.listener.requests;
    };
    await until("a request to the listener", requestsAfterTurn, ({ length }) => length > 0);
    const sent = bridge.listener.requests.map(({ headers }) => [...headers]);
    const seen = JSON.stringify([bridge.account.lines, bridge.published, sent]);
    expect(seen).not.toContain(canary);
    expect(seen).not.toContain(TRACE);
  });
});
