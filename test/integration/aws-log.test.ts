import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { awsLog } from "../../shared/aws/aws-log.ts";
import type { Log, LogFields } from "../../shared/host/log.ts";
import { testClock } from "../support/test-doubles.ts";

const clock = testClock();
let written: string[];
beforeEach(() => {
  written = [];
  vi.spyOn(process.stdout, "write").mockImplementation((line) => written.push(String(line)) > 0);
});
afterEach(() => vi.restoreAllMocks());

const ENVIRONMENT = { STAGE: "prod", _X_AMZN_TRACE_ID: "Root=1-6727a1b2-0123456789abcdef01234567;Sampled=1" };

function line(fields: LogFields, level: keyof Log = "info"): Record<string, unknown> {
  awsLog("receive", ENVIRONMENT, clock)[level](fields, "delivery");
  expect(written).toHaveLength(1);
  expect(written[0]).toMatch(/^[^\n]+\n$/);
  return JSON.parse(written[0] ?? "");
}

describe("a line of a function's log", () => {
  it("a line is one JSON object with its fields, the level, the time, the stage and the trace", () => {
    expect(line({ delivery: "d-1", code: "throttled", trace: undefined }, "error")).toEqual({
      level: "error",
      time: "2026-11-02T09:00:00.000Z",
      message: "delivery",
      service: "receive",
      stage: "prod",
      xray_trace_id: "1-6727a1b2-0123456789abcdef01234567",
      delivery: "d-1",
      code: "throttled",
    });
  });

  it("a line has the trace of the current call", () => {
    const environment = { ...ENVIRONMENT };
    const log = awsLog("receive", environment, clock);
    environment._X_AMZN_TRACE_ID = "Root=1-6727a1b2-ffffffffffffffffffffffff;Sampled=0";
    log.info({}, "delivery");
    expect(JSON.parse(written[0] ?? "").xray_trace_id).toBe("1-6727a1b2-ffffffffffffffffffffffff");
  });

  it("no line can be written if the stage is unknown", () => {
    expect(() => awsLog("receive", {}, clock)).toThrow(expect.objectContaining({ code: "configuration_invalid" }));
  });

  const request = { request: "r-1", durationMs: 12 };
  const attempt = { delivery: "d-1", route: "docs", action: "tekton", target: "ci", attempt: 2, durationMs: 900 };
  const counted: readonly (readonly [string, string, LogFields, LogFields])[] = [
    [
      "a delivery",
      "requests",
      { ...request, source: "wiki", status: "accepted" },
      { source: "wiki", outcome: "accepted", reason: "none" },
    ],
    [
      "a rejection",
      "requests",
      { ...request, source: "wiki", status: 401, reason: "signature_mismatch", header: "x-hub-signature" },
      { source: "wiki", outcome: "refused", reason: "signature_mismatch" },
    ],
    [
      "a rejection without a source",
      "requests",
      { ...request, status: 404, reason: "source_unknown" },
      { source: "none", outcome: "refused", reason: "source_unknown" },
    ],
    [
      "a failure",
      "requests",
      { ...request, source: "wiki", status: 503, fault: "store_unavailable" },
      { source: "wiki", outcome: "failed", reason: "store_unavailable" },
    ],
    [
      "a defect of the bridge",
      "requests",
      { ...request, status: 503, error: "TypeError", at: "at x" },
      { source: "none", outcome: "failed", reason: "TypeError" },
    ],
  ];
  it.each(counted)("a line about %s is counted in %s", (_, name, fields, dimensions) => {
    const logged = line(fields);
    const all = { stage: "prod", ...dimensions };
    expect(logged).toMatchObject({ ...all, [name]: 1 });
    const bySource = ["stage", "source", "outcome"];
    const sets = dimensions["reason"] === "none" ? [bySource] : [bySource, [...bySource, "reason"]];
    expect(logged["_aws"]).toEqual({
      Timestamp: clock.now(),
      CloudWatchMetrics: [{ Namespace: "Drawbridge", Dimensions: sets, Metrics: [{ Name: name, Unit: "Count" }] }],
    });
  });

  it("a line about a refused queue message is counted by its reason alone, never by a name in the message", () => {
    const logged = line({ messageId: "m-1", route: "from the message", refusedMessage: "route_mismatch" }, "warn");
    expect(logged).toMatchObject({
      stage: "prod",
      reason: "route_mismatch",
      refusedMessages: 1,
      _aws: { CloudWatchMetrics: [{ Dimensions: [["stage", "reason"]] }] },
    });
  });

  it("a line about an emergency grant is counted by stage alone, for one alarm about all routes", () => {
    const logged = line({ delivery: "d-1", route: "docs", emergencyGrant: "p-1", by: "kim of x" }, "warn");
    expect(logged).toMatchObject({
      emergencyGrants: 1,
      _aws: { CloudWatchMetrics: [{ Dimensions: [["stage"]], Metrics: [{ Name: "emergencyGrants", Unit: "Count" }] }] },
    });
  });

  it.each([
    ["failed", "retry", 2],
    ["failed for the last time", "give_up", 2],
    ["succeeded", "done", 0],
  ])(
    "a line about an attempt that %s is counted by route, and its number of failures in a row by target",
    (_, outcome, row) => {
      const logged = line({ ...attempt, outcome });
      expect(logged).toMatchObject({
        stage: "prod",
        route: "docs",
        outcome,
        target: "ci",
        attempts: 1,
        attemptSeconds: attempt.durationMs / 1_000,
        failedInARow: row,
      });
      expect(logged["_aws"]).toEqual({
        Timestamp: clock.now(),
        CloudWatchMetrics: [
          {
            Namespace: "Drawbridge",
            Dimensions: [["stage", "route", "outcome"]],
            Metrics: [{ Name: "attempts", Unit: "Count" }],
          },
          {
            Namespace: "Drawbridge",
            Dimensions: [["stage", "target"]],
            Metrics: [{ Name: "attemptSeconds", Unit: "Seconds" }],
          },
          {
            Namespace: "Drawbridge",
            Dimensions: [["stage", "target"]],
            Metrics: [{ Name: "failedInARow", Unit: "Count" }],
          },
        ],
      });
    },
  );

  it.each([
    ["before the end of a request", { request: "r-1", source: "wiki", error: "TypeError" }],
    ["about an attempt without an outcome", attempt],
  ])("a line %s is not counted", (_, fields) => {
    expect(line(fields)).not.toHaveProperty("_aws");
  });

  it("a line about a circuit breaker counts the failures in a row of its target", () => {
    const logged = line({ target: "ci", breaker: "open", failedInARow: 6 });
    expect(logged).toMatchObject({ stage: "prod", target: "ci", failedInARow: 6 });
    expect(logged["_aws"]).toMatchObject({ CloudWatchMetrics: [{ Dimensions: [["stage", "target"]] }] });
    written.splice(0);
    expect(line({ target: "ci", breaker: "closed", failedInARow: 0 })).toMatchObject({ failedInARow: 0 });
  });

  it("a line about an accepted request counts as no failure", () => {
    expect(line({ ...attempt, outcome: "accepted" })).toMatchObject({ outcome: "accepted", failedInARow: 0 });
  });

  it("a line about a run that is missing is counted for the alarm", () => {
    const logged = line({ ...attempt, expectedRun: "missing" });
    expect(logged).toMatchObject({ stage: "prod", target: "ci", acceptedWithoutRun: 1 });
    expect(logged["_aws"]).toMatchObject({
      CloudWatchMetrics: [{ Dimensions: [["stage"]], Metrics: [{ Name: "acceptedWithoutRun", Unit: "Count" }] }],
    });
  });
});
