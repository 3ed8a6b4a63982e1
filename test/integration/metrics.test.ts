import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LOG_METRICS } from "../../shared/host/metrics.ts";
import { openMetricsName } from "../../shared/http/open-metrics.ts";
import { push } from "../support/console-traffic.ts";
import { type ParsedFamily, parseOpenMetrics } from "../support/open-metrics.ts";
import { standaloneBridge } from "../support/standalone-bridge.ts";
import { until } from "../support/until.ts";

let bridge: Awaited<ReturnType<typeof standaloneBridge>>;
beforeAll(async () => {
  bridge = await standaloneBridge();
});
afterAll(() => bridge?.stop());

const scrape = async (): Promise<readonly ParsedFamily[]> => {
  const response = await fetch(new URL("/metrics", bridge.metricsUrl));
  expect(response.headers.get("content-type")).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
  return parseOpenMetrics(await response.text());
};

function valueIn(families: readonly ParsedFamily[], name: string, labels: Readonly<Record<string, string>>) {
  const family = families.find((one) => one.name === name);
  const isWanted = (of: Readonly<Record<string, string>>) =>
    Object.entries(labels).every(([label, value]) => of[label] === value);
  return family?.samples.find((one) => isWanted(one.labels))?.value;
}

/** A request on loopback with these headers, which `fetch` would not send. */
const statusWith = (url: URL, headers: Readonly<Record<string, string>> = {}): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const asked = httpRequest(url, { headers }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode));
    });
    asked.on("error", reject).end();
  });

describe("the metrics of one machine", () => {
  it("requests, refusals and attempts are counted under configured names, and what a caller chose is nowhere", async () => {
    expect((await bridge.gitlabPush(push())).status).toBe(202);
    const wicked = 'x"} 1\n# EOF';
    const post = (path: string) =>
      fetch(new URL(path, bridge.url), { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
    expect((await post("/webhooks/gitlab")).status).toBe(401);
    expect((await post(`/webhooks/${encodeURIComponent(wicked)}`)).status).toBe(404);
    const families = await until(
      "the attempt to be counted",
      scrape,
      (found) => (valueIn(found, "drawbridge_attempts", { route: "push-build", outcome: "accepted" }) ?? 0) > 0,
    );
    const requests = (labels: Readonly<Record<string, string>>) => valueIn(families, "drawbridge_requests", labels);
    expect(requests({ source: "gitlab", outcome: "accepted", reason: "none" })).toBe(1);
    expect(requests({ source: "gitlab", outcome: "refused" })).toBe(1);
    expect(requests({ source: "none", outcome: "refused", reason: "source_unknown" })).toBe(1);
    expect(valueIn(families, "drawbridge_failed_in_a_row", { target: "listener" })).toBe(0);
    expect(valueIn(families, "drawbridge_attempt_seconds", { target: "listener", le: "+Inf" })).toBe(1);
    expect(valueIn(families, "drawbridge_source_state", { source: "gitlab", state: "partly_refused" })).toBe(1);
    expect(valueIn(families, "drawbridge_source_state", { source: "wiki", state: "never_seen" })).toBe(1);
    expect(valueIn(families, "drawbridge_ready", { check: "store" })).toBe(1);
    expect(JSON.stringify(families)).not.toContain('x\\"');
  });

  it("each metric has a sentence, a type and, if it is a time, its unit; those of log lines are all there", async () => {
    const families = await scrape();
    const names = families.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(Object.keys(LOG_METRICS).map(openMetricsName)));
    for (const { name, help, unit } of families) {
      expect(help, name).toMatch(/^[A-Z1].+\.$/);
      expect(unit, name).toBe(name.endsWith("_seconds") ? "seconds" : undefined);
    }
  });

  it("counters only grow from one scrape to the next, and the labels of a repeat are the same", async () => {
    const before = await scrape();
    expect((await bridge.gitlabPush(push("next"))).status).toBe(202);
    const after = await scrape();
    const labels = { source: "gitlab", outcome: "accepted", reason: "none" };
    const [first = 0, second] = [before, after].map((found) => valueIn(found, "drawbridge_requests", labels));
    expect(second).toBe(first + 1);
  });

  it("the bridge's own port needs a token, also from this machine, where a proxy may be", async () => {
    const own = new URL("/metrics", bridge.url);
    expect(await statusWith(own)).toBe(401);
    expect(await statusWith(own, { host: `127.0.0.1:${bridge.metricsUrl?.port}` })).toBe(401);
    expect(await statusWith(own, { authorization: "Bearer x" })).toBe(401);
  });

  it("the port for metrics serves nothing else, and to no other name of this machine", async () => {
    const metrics = new URL("/metrics", bridge.metricsUrl);
    expect(await statusWith(metrics)).toBe(200);
    expect(await statusWith(metrics, { host: "rebound.example.test" })).toBe(404);
    for (const path of ["/", "/healthz", "/v1/overview", "/console", "/webhooks/gitlab"])
      expect(await statusWith(new URL(path, metrics)), path).toBe(404);
  });
});
