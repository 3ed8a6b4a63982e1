import { afterEach, describe, expect, it, vi } from "vitest";
import { callOut } from "../../shared/host/call-out.ts";
import type { Log, LogFields } from "../../shared/host/log.ts";
import { exportSpans } from "../../shared/outbound/otlp.ts";
import { awsBridge, pageAfterTurn } from "../support/aws-bridge.ts";
import { storesOf } from "../support/aws-stream.ts";
import { push } from "../support/console-traffic.ts";
import { attributeOf, otlpCollector } from "../support/otlp-collector.ts";
import { PAGE, standaloneBridge } from "../support/standalone-bridge.ts";
import { secretsOf, testClock } from "../support/test-doubles.ts";
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
    // The requests of one attempt have its span.
    const attempts = new Set([...atListener, ...toPages()].map(spanOf));
    expect(attempts.size).toBeGreaterThan(1);
    for (const other of [CALLER, record?.traceparent]) expect(attempts).not.toContain(spanOf(other));
    expect(record?.callerSpan).toBe(spanOf(CALLER));

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

describe("the export of a trace", () => {
  it("a page edit, its run and the page's versions are one trace at the collector, below the span of the caller", async () => {
    const collector = await otlpCollector();
    cleanups.push(collector.close);
    const bridge = await standaloneBridge({
      sections: { otlp: { endpoint: collector.endpoint, headers: { authorization: "env:COLLECTOR" } } },
      environment: { COLLECTOR: "Bearer canary-of-the-collector" },
    });
    const toPages = sentTo(bridge.confluence.site("data-center"));
    const edit = { timestamp: 1_793_600_000_000, event: "page_updated", page: { id: Number(PAGE) } };
    await bridge.pageEdit(edit, { traceparent: CALLER });
    const page = () => bridge.confluence.page(PAGE).latest.body;
    await until("the page to show PASSED", page, (body) => body.includes("PASSED"));
    const [atListener] = bridge.listener.requests.map(({ headers }) => headers.get("traceparent"));
    // The first round, which every start makes at once, has been made by then. The last one exports what is left.
    await bridge.stop();
    const { spans, headers, malformed } = collector;
    expect(malformed).toEqual([]);
    expect(new Set(headers.map((sent) => sent.get("authorization")))).toEqual(
      new Set(["Bearer canary-of-the-collector"]),
    );
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([TRACE]));
    const root = spans.filter(({ parentSpanId }) => !spans.some(({ spanId }) => spanId === parentSpanId));
    expect(root.map(({ name, parentSpanId }) => [name, parentSpanId])).toEqual([["page.updated", spanOf(CALLER)]]);
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length);
    const attempt = spans.find(({ name }) => name === "attempt page-build");
    expect(attempt?.spanId).toBe(spanOf(atListener));
    const writes = spans.filter((span) => /version \d/.test(String(attributeOf(span, "drawbridge.summary"))));
    expect(writes.map(({ name }) => name)).toContain("attempt status");
    const named = toPages().map(spanOf);
    for (const { name, spanId } of writes) if (name.startsWith("attempt")) expect(named).toContain(spanId);
    const run = spans.find((span) => attributeOf(span, "cicd.pipeline.result") === "success");
    expect(run?.parentSpanId).toBe(spans.find(({ name }) => name === "route page-build")?.spanId);
    expect(JSON.stringify(spans)).not.toContain("canary");
  });

  it("a reload exports to another collector from then on", async () => {
    const [first, second] = [await otlpCollector(), await otlpCollector()];
    cleanups.push(first.close, second.close);
    const bridge = await standaloneBridge({ sections: { otlp: { endpoint: first.endpoint } } });
    bridge.reload({ otlp: { endpoint: second.endpoint } });
    await bridge.gitlabPush(push("after-the-reload"));
    await until("the push at the listener", () => bridge.listener.requests.length > 0);
    await bridge.stop();
    const branches = second.spans.map((span) => attributeOf(span, "vcs.ref.head.name"));
    expect(branches).toContain("after-the-reload");
    expect(first.spans).toEqual([]);
    expect([...first.malformed, ...second.malformed]).toEqual([]);
  });

  it("a collector that is down changes nothing else, is warned about once, and shows in the metrics", async () => {
    const lines: LogFields[] = [];
    const line: Log["info"] = (fields, message) => void lines.push({ ...fields, message });
    const collector = await otlpCollector();
    await collector.close();
    const bridge = await standaloneBridge({
      log: { info: line, warn: line, error: line },
      sections: { otlp: { endpoint: collector.endpoint } },
    });
    cleanups.push(bridge.stop);
    await bridge.pageEdit({ timestamp: 1_793_600_000_000, event: "page_updated", page: { id: Number(PAGE) } });
    const page = () => bridge.confluence.page(PAGE).latest.body;
    await until("the page to show PASSED", page, (body) => body.includes("PASSED"));
    const metrics = await (await fetch(new URL("/metrics", bridge.metricsUrl))).text();
    expect(metrics).toMatch(/^drawbridge_export_waiting_deliveries [1-9]\d*$/m);
    await bridge.stop();
    cleanups.pop();
    const warned = lines.filter(({ message }) => message === "the collector did not take the spans of threads");
    expect(warned).toEqual([{ why: "target_unreachable", waiting: expect.any(Number), message: expect.any(String) }]);
    expect(lines.map(({ message }) => message)).toContain("stopped");
  });

  it.each([
    ["takes all", { status: 200 }, { result: "taken", rejected: 0 }],
    ["takes some", { status: 200, body: { partialSuccess: { rejectedSpans: "2" } } }, { result: "taken", rejected: 2 }],
    [
      "takes all and warns",
      { status: 200, body: { partialSuccess: { errorMessage: "x" } } },
      { result: "taken", rejected: 0 },
    ],
    [
      "has too much to do",
      { status: 429, headers: { "retry-after": "7" } },
      { result: "later", why: "status 429", afterSeconds: 7 },
    ],
    ["is behind a broken proxy", { status: 502 }, { result: "later", why: "status 502", afterSeconds: undefined }],
    ["is down", { status: 503 }, { result: "later", why: "status 503", afterSeconds: undefined }],
    ["is slow", { status: 504 }, { result: "later", why: "status 504", afterSeconds: undefined }],
    ["cannot read it", { status: 400 }, { result: "refused", why: "status 400" }],
    ["does not know the token", { status: 401 }, { result: "refused", why: "status 401" }],
    ["finds it too long", { status: 413 }, { result: "refused", why: "status 413" }],
    ["fails", { status: 500 }, { result: "refused", why: "status 500" }],
    [
      "is elsewhere",
      { status: 307, headers: { location: "https://example.test/" } },
      { result: "refused", why: "status 307" },
    ],
  ] as const)("a collector that %s", async (_, answer, expected) => {
    const collector = await otlpCollector();
    cleanups.push(collector.close);
    collector.next.push(answer);
    const settings = { endpoint: collector.endpoint, headers: {} };
    const deps = { settings, secrets: secretsOf({}), callOut, clock: testClock() };
    expect(await exportSpans([], deps)).toEqual(expected);
    expect(collector.malformed).toEqual([]);
  });

  it("a collector that cannot be asked is asked again, and the message names no secret", async () => {
    const collector = await otlpCollector();
    await collector.close();
    const deps = { secrets: secretsOf({ TOKEN: "canary\nof a secret" }), callOut, clock: testClock() };
    const settings = { endpoint: collector.endpoint, headers: {} };
    expect(await exportSpans([], { ...deps, settings })).toEqual({ result: "later", why: "target_unreachable" });
    const unset = { ...settings, headers: { authorization: "env:UNSET" } };
    expect(await exportSpans([], { ...deps, settings: unset })).toMatchObject({
      result: "later",
      why: "secret_unavailable",
    });
    const broken = { ...settings, headers: { authorization: "env:TOKEN" } };
    const answer = await exportSpans([], { ...deps, settings: broken });
    expect(answer.result).not.toBe("taken");
    expect(JSON.stringify(answer)).not.toContain("canary");
  });
});
