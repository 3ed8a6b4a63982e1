import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { LogMetrics, type Sample } from "../../../shared/host/metrics.ts";
import { histogramSamples, openMetricsName, openMetricsText } from "../../../shared/http/open-metrics.ts";
import { policyOf, role } from "../../../shared/identity/policy.ts";
import { ok } from "../../../shared/model/result.ts";
import { httpBridge } from "../../support/http-bridge.ts";
import { parseOpenMetrics } from "../../support/open-metrics.ts";
import { silentLog, testClock } from "../../support/test-doubles.ts";

const ROLES = v.parse(v.record(v.string(), role), {
  prometheus: { call: ["metrics"] },
  "on-call": { call: ["deliveries"] },
  docs: { call: ["metrics"], in: { projects: ["docs"] } },
});

describe("who may read the metrics", () => {
  it.each([
    ["prometheus", 200],
    ["on-call", 403],
    ["docs", 403],
  ])("the role %s: %d", async (held, status) => {
    const person = { issuer: "https://idp.test", subject: "p", method: "oidc", credential: "k", roles: [held] };
    const bridge = await httpBridge({
      calls: {
        policy: policyOf(ROLES),
        trustEntries: ["people"],
        tokens: { verify: async () => ok({ principal: { ...person, trustEntry: "people" }, claims: {} }) },
        targets: { get: () => Promise.reject(new Error("no")), list: async () => [], save: async () => false },
      },
    });
    const headers = { authorization: "Bearer token" };
    expect((await fetch(new URL("/metrics", bridge.url), { headers })).status).toBe(status);
    await bridge.close();
  });
});

describe("the text of the metrics", () => {
  it("escapes what would end a label or a line", () => {
    const value = 'a"b\\c\nd';
    const text = openMetricsText([
      { name: "drawbridge_x", type: "gauge", help: 'say "\n', samples: [{ labels: { source: value }, value: 1.5 }] },
    ]);
    expect(parseOpenMetrics(text)).toMatchObject([{ samples: [{ labels: { source: 'a\\"b\\\\c\\nd' }, value: 1.5 }] }]);
    expect(text.split("\n")).toHaveLength(5);
  });

  it.each([
    "drawbridge_x 1\n# EOF\n",
    "# TYPE drawbridge_x counter\ndrawbridge_x 1\n# EOF\n",
    "# TYPE drawbridge_x gauge\ndrawbridge_x 1\ndrawbridge_x 2\n# EOF\n",
    "# TYPE drawbridge_x gauge\n# UNIT drawbridge_x seconds\n# EOF\n",
    '# TYPE drawbridge_x gauge\ndrawbridge_x{a="b\n"} 1\n# EOF\n',
    "# TYPE drawbridge_x gauge\ndrawbridge_x 1\n",
  ])("the grammar of the tests refuses %j", (text) => {
    expect(() => parseOpenMetrics(text)).toThrow();
  });

  it("a name is the one of CloudWatch in the form of Prometheus", () => {
    expect(openMetricsName("failedInARow")).toBe("drawbridge_failed_in_a_row");
  });
});

describe("the metrics of log lines", () => {
  it("counters add up, a gauge has the last value, and a line that is no end counts nothing", () => {
    const metrics = new LogMetrics(testClock());
    const log = metrics.counting(silentLog);
    const attempt = { route: "docs", target: "ci", outcome: "retry", durationMs: 3 };
    log.warn({ ...attempt, attempt: 1 }, "m");
    log.warn({ ...attempt, attempt: 2 }, "m");
    log.info({ request: "r", durationMs: 1, status: "accepted", source: "wiki" }, "delivery");
    log.info({ request: "r", status: "accepted" }, "no end");
    expect(metrics.samples()).toEqual([
      { name: "attempts", labels: ["docs", "retry"], value: 2 },
      { name: "failedInARow", labels: ["ci"], value: 2 },
      { name: "requests", labels: ["wiki", "accepted", "none"], value: 1 },
    ]);
  });

  it("attempts are counted in buckets by target, and the last hour says how long nearly all of them took", () => {
    const clock = testClock();
    const metrics = new LogMetrics(clock);
    const log = metrics.counting(silentLog);
    const attempt = (durationMs: number, target = "ci") =>
      log.info({ route: "docs", target, outcome: "done", attempt: 1, durationMs }, "attempt");
    expect(metrics.latencyOf("ci")).toEqual({ attempts: 0 });
    for (let n = 0; n < 19; n++) attempt(200);
    attempt(4_000);
    attempt(7, "pages");
    // 19 of 20 are 95 %. A bound belongs to its bucket.
    expect(metrics.latencyOf("ci")).toEqual({ attempts: 20, p95AtMostMs: 200 });
    attempt(4_000);
    expect(metrics.latencyOf("ci")).toEqual({ attempts: 21, p95AtMostMs: 5_000 });
    expect(metrics.latencyOf("pages")).toEqual({ attempts: 1, p95AtMostMs: 50 });
    // What is above the last bound is known as that.
    clock.advance(30 * 60_000);
    for (let n = 0; n < 2; n++) attempt(90_000);
    expect(metrics.latencyOf("ci")).toEqual({ attempts: 23 });
    clock.advance(31 * 60_000);
    expect(metrics.latencyOf("ci")).toEqual({ attempts: 2 });
    // A clock that is set back does not count what is ahead of it, and the sums of the process keep everything.
    clock.advance(-24 * 60 * 60_000);
    attempt(10);
    expect(metrics.latencyOf("ci")).toEqual({ attempts: 1, p95AtMostMs: 50 });
    const counts = metrics.attemptSeconds().get("ci");
    expect(counts?.buckets.reduce((sum, one) => sum + one, 0)).toBe(24);
    expect(counts?.sumSeconds).toBeCloseTo(191.81);
  });

  it("a histogram has every bucket with what is in the lower ones, and its sum", () => {
    const metrics = new LogMetrics(testClock());
    const log = metrics.counting(silentLog);
    for (const durationMs of [10, 1_000, 61_000])
      log.info({ route: "docs", target: "ci", outcome: "done", attempt: 1, durationMs }, "attempt");
    const counts = metrics.attemptSeconds().get("ci");
    if (counts === undefined) throw new Error("nothing was counted");
    const samples = histogramSamples({ target: "ci" }, counts);
    const text = openMetricsText([{ name: "drawbridge_attempt_seconds", type: "histogram", help: "x", samples }]);
    parseOpenMetrics(text);
    const lines = text.split("\n").filter((line) => line.startsWith("drawbridge"));
    expect(lines).toHaveLength(18);
    expect(lines).toEqual(
      expect.arrayContaining([
        'drawbridge_attempt_seconds_bucket{target="ci",le="0.05"} 1',
        'drawbridge_attempt_seconds_bucket{target="ci",le="1.0"} 2',
        'drawbridge_attempt_seconds_bucket{target="ci",le="60.0"} 2',
        'drawbridge_attempt_seconds_bucket{target="ci",le="+Inf"} 3',
        'drawbridge_attempt_seconds_count{target="ci"} 3',
        'drawbridge_attempt_seconds_sum{target="ci"} 62.01',
      ]),
    );
  });

  it("a counter on whose first step an alert hangs begins at 0, and keeps its value when the configuration is read again", () => {
    const metrics = new LogMetrics(testClock());
    const names = { source: ["wiki"], route: ["docs"], target: ["ci"] };
    metrics.use(names);
    const values = () => metrics.samples().map(({ name, labels, value }) => [name, ...labels, value].join(" "));
    expect(values()).toEqual(["acceptedWithoutRun 0", "emergencyGrants 0", "attempts docs give_up 0"]);
    const log = metrics.counting(silentLog);
    log.error({ route: "docs", target: "ci", outcome: "give_up", attempt: 15, durationMs: 1 }, "m");
    log.error({ expectedRun: "missing" }, "m");
    metrics.use({ ...names, route: ["docs", "site"] });
    expect(values()).toEqual([
      "acceptedWithoutRun 1",
      "emergencyGrants 0",
      "attempts docs give_up 1",
      "failedInARow ci 15",
      "attempts site give_up 0",
    ]);
  });

  it("a line about the records of a gateway counts those that are kept, left out and unusable", () => {
    const metrics = new LogMetrics(testClock());
    const log = metrics.counting(silentLog);
    const counts = { gatewayRecordsKept: 7, gatewayRecordsCounted: 93, gatewayRecordsUnusable: 2 };
    for (let time = 0; time < 2; time++) log.info({ source: "edge", request: "r-1", ...counts }, "records");
    expect(metrics.samples().map(({ name, labels, value }) => [name, ...labels, value].join(" "))).toEqual([
      "gatewayRecordsKept edge 14",
      "gatewayRecordsCounted edge 186",
      "gatewayRecordsUnusable edge 4",
    ]);
  });

  it("a defect that makes ever new values cannot fill the memory", () => {
    const metrics = new LogMetrics(testClock());
    const log = metrics.counting(silentLog);
    for (let n = 0; n < 6_000; n++)
      log.info({ request: "r", durationMs: 1, status: "accepted", source: `s-${n}` }, "m");
    expect(metrics.samples()).toHaveLength(5_000);
  });
});

describe("the metrics of what is no longer configured", () => {
  const NAMES = { source: ["wiki", "gitlab"], route: ["docs", "old"], target: ["ci", "pages"] };

  it("they are forgotten when it is removed, and begin anew if it comes back", () => {
    const metrics = new LogMetrics(testClock());
    metrics.use(NAMES);
    const log = metrics.counting(silentLog);
    const attempt = (route: string, target: string) =>
      log.info({ route, target, outcome: "done", attempt: 1, durationMs: 1 }, "attempt");
    const request = (source?: string) =>
      log.info({ request: "r", durationMs: 1, status: "accepted", ...(source !== undefined && { source }) }, "request");
    // Without the counters that begin at 0.
    const isCounted = ({ name, value }: Sample) => value > 0 || name === "failedInARow";
    const labels = () =>
      metrics
        .samples()
        .filter(isCounted)
        .map((sample) => sample.labels[0]);
    for (const route of ["docs", "old", "old"]) attempt(route, route === "old" ? "pages" : "ci");
    for (const source of ["wiki", "gitlab", undefined]) request(source);
    metrics.use(NAMES);
    expect(labels()).toEqual(["docs", "ci", "old", "pages", "wiki", "gitlab", "none"]);
    expect([...metrics.attemptSeconds().keys()]).toEqual(["ci", "pages"]);
    metrics.use({ source: ["wiki"], route: ["docs"], target: ["ci"] });
    expect([...metrics.attemptSeconds().keys()]).toEqual(["ci"]);
    expect(labels()).toEqual(["docs", "ci", "wiki", "none"]);
    metrics.use(NAMES);
    attempt("old", "pages");
    expect(metrics.samples()).toContainEqual({ name: "attempts", labels: ["old", "done"], value: 1 });
  });
});
