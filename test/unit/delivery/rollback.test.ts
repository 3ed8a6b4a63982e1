import { describe, expect, it } from "vitest";
import { rollBack } from "../../../shared/delivery/rollback.ts";
import { policyOf } from "../../../shared/identity/policy.ts";
import { type RecordedRun, withRun } from "../../../shared/store/runs.ts";
import { sampleDelivery } from "../../support/samples.ts";
import { testClock, unexpected } from "../../support/test-doubles.ts";

const at = (minute: number): string => new Date(Date.UTC(2026, 10, 2, 9, minute)).toISOString();
const fired = (n: number): RecordedRun => ({ delivery: `d-${n}`, firedAt: at(n) });
const ended = (n: number, succeeded: boolean, environment?: string): RecordedRun => ({
  delivery: `d-${n}`,
  beganAt: at(n),
  end: { succeeded, at: at(n + 1), ...(environment !== undefined && { environment }) },
});
const good = (n: number, environment?: string): readonly RecordedRun[] => [fired(n), ended(n, true, environment)];
const bad = (n: number, environment?: string): readonly RecordedRun[] => [fired(n), ended(n, false, environment)];

const ROUTES = [
  { name: "docs", runsReportedBy: "cluster" },
  { name: "status" },
  { name: "secret", runsReportedBy: "c" },
];
const permissions = { call: [], fire: [], replay: [], approve: [], promote: [], summarise: [], pause: [] };
const POLICY = policyOf({ "on-call": { ...permissions, replay: ["docs", "status", "nosuch"] } });

interface Asked {
  readonly route?: string;
  readonly environment?: string;
  readonly to?: string;
}

/** The delivery that is run again, or the reason why no delivery is. */
async function rolledBack(history: readonly RecordedRun[], { route = "docs", environment, to }: Asked = {}) {
  const by = { ...sampleDelivery().principal, roles: ["on-call"] };
  const place = { route, ...(environment !== undefined && { environment }) };
  const result = await rollBack(
    { place, to, by, key: ["1"], requestId: "request-1" },
    {
      runs: { of: async () => history.reduce<ReturnType<typeof withRun>>(withRun, []) },
      runReporters: ROUTES,
      policy: POLICY,
      deliveries: {
        get: async (id) => (id === "d-0" ? undefined : { ...sampleDelivery(), id }),
        record: async () => "recorded",
        addToTimeline: async () => undefined,
      },
      actions: { answer: unexpected("the end of a failure") },
      recorded: () => undefined,
      clock: testClock(),
    },
  );
  if (result.ok) return result.value.replayOf;
  return "problem" in result.rejection ? result.rejection.problem : result.rejection.reason;
}

describe("the target of a rollback", () => {
  const production = { environment: "production" };
  it.each<[string, string, readonly RecordedRun[], Asked]>([
    ["the good run before a newest that failed", "d-1", [...good(1), ...bad(2)], {}],
    ["the good run before a newest that was good", "d-1", [...good(1), ...good(2)], {}],
    ["the last good one of many", "d-3", [...good(1), ...bad(2), ...good(3), ...bad(4), ...bad(5)], {}],
    [
      "the newest good run, if the newest run failed before it reported its environment",
      "d-2",
      [...good(1, "production"), ...good(2, "production"), ...bad(3)],
      production,
    ],
    [
      "the newest good run, if the newest run still goes on",
      "d-2",
      [...good(1, "production"), ...good(2, "production"), fired(3)],
      production,
    ],
    [
      "the run before the newest of its environment, whatever went to another since",
      "d-1",
      [...good(1, "production"), ...good(2, "production"), ...bad(3, "staging"), ...good(4, "staging")],
      production,
    ],
    [
      "the run that was fired before, even if it ended after",
      "d-1",
      [fired(1), fired(2), ended(2, false), ended(1, true)],
      {},
    ],
    ["the run that is named", "d-1", [...good(1), ...good(2), ...bad(3)], { to: "d-1" }],
  ])("a rollback goes back to %s", async (_, expected, history, asked) => {
    expect(await rolledBack(history, asked)).toBe(expected);
  });
});

describe("an impossible rollback", () => {
  const runs = [...good(1, "production"), ...bad(2, "production"), ...good(3)];
  it.each<[string, Asked, readonly RecordedRun[]]>([
    ["There is no such route; you may roll back: docs", { route: "nosuch" }, runs],
    ["No source reports the results of this route's runs; you may roll back: docs", { route: "status" }, runs],
    ["role_missing", { route: "secret" }, runs],
    ["No earlier run of the route is known to have succeeded without an environment", {}, []],
    [
      "No earlier run of the route is known to have succeeded in staging; good runs are without an environment, in production",
      { environment: "staging" },
      runs,
    ],
    [
      "No run that d-2 fired is known to have succeeded in production; good runs are without an environment",
      { environment: "production", to: "d-2" },
      runs,
    ],
    ["The record of d-0 is gone", {}, [...good(0), ...bad(1)]],
  ])("an impossible rollback says what is known: %s", async (expected, asked, history) => {
    expect(await rolledBack(history, asked)).toBe(expected);
  });
});
