import { describe, expect, it } from "vitest";
import { recordReportedRunEnd, recordRunEnd, recordRunStart } from "../../../shared/delivery/run-tracking.ts";
import type { ActionOutcome } from "../../../shared/model/action-outcome.ts";
import { type BusEvent, busEventOf } from "../../../shared/model/bus-event.ts";
import type { BuildEvent, BuildPart, BuildState } from "../../../shared/model/event.ts";
import type { RecordedDelivery } from "../../../shared/model/recorded-delivery.ts";
import type { RecordedRun } from "../../../shared/store/runs.ts";
import { sampleDelivery } from "../../support/samples.ts";
import { testClock } from "../../support/test-doubles.ts";

const ORIGIN = busEventOf(sampleDelivery()) as BusEvent;
const { eventKey, delivery } = ORIGIN.detail;
const UNPROVED: Partial<RecordedDelivery> = { refusal: { reason: "token_expired", expiredBySeconds: 9 } };

interface Told extends Partial<BuildPart> {
  readonly subject?: string;
  readonly origin?: BuildEvent["origin"];
}

function ended(state: BuildState, told: Told = {}, changes: Partial<RecordedDelivery> = {}): BusEvent {
  const { subject = "ci/run-1", origin, ...build } = told;
  const event: BuildEvent = {
    type: `build.${state}`,
    ...{ keyParts: ["1"], time: "2026-11-02T09:03:00.000Z", subject },
    ...(origin && { origin }),
    build: { system: "tekton", id: "1", pipeline: "ci/docs", state, ...build },
  };
  return busEventOf({ ...sampleDelivery(2), source: "cluster", what: event.type, ...changes, event }) as BusEvent;
}

const ROUTES = [
  { name: "docs", runsReportedBy: "cluster" },
  { name: "build-docs", runsReportedBy: "cluster" },
  { name: "elsewhere", runsReportedBy: "other" },
  { name: "status" },
];

/** Tools over a bridge where this many routes have fired on the origin. */
function toolsFor(fired: number, routes = ROUTES) {
  const noted: (readonly [string, RecordedRun])[] = [];
  const calls: string[] = [];
  let asked = 0;
  const called = <T>(call: string, answer: T): Promise<T> => {
    calls.push(call);
    return Promise.resolve(answer);
  };
  const deps = {
    runReporters: routes,
    actions: { state: () => called("state", asked++ < fired ? ("done" as const) : undefined) },
    runs: { record: async (route: string, run: RecordedRun) => void noted.push([route, run]) },
    deliveries: { get: () => called("delivery", sampleDelivery()) },
    origins: { find: () => called("origin", undefined) },
    clock: testClock(),
  };
  return { deps, noted, calls };
}

async function notedOf(busEvent: BusEvent, fired: number, origin = ORIGIN) {
  const { deps, noted } = toolsFor(fired);
  await recordRunEnd({ busEvent, origin, source: "cluster" }, deps);
  return noted;
}

describe("the end of a run", () => {
  const at = "2026-11-02T09:03:00.000Z";
  it.each([
    ["succeeded", true],
    ["failed", false],
    ["cancelled", false],
    ["timed_out", false],
  ] as const)("that %s is kept for the route that fired it", async (state, succeeded) => {
    expect(await notedOf(ended(state), 1)).toEqual([["docs", { delivery, beganAt: at, end: { succeeded, at } }]]);
  });

  it("is kept with the environment that the run tells as a result, and with when it began", async () => {
    const createdAt = "2026-11-02T09:01:00.000Z";
    const told = { results: { environment: "production" }, createdAt };
    expect(await notedOf(ended("succeeded", told), 1)).toMatchObject([
      ["docs", { beganAt: createdAt, end: { environment: "production" } }],
    ]);
  });

  it("of two routes on one delivery is the one's that the run is named after, whatever the other's name ends in", async () => {
    const routesOf = async (subject?: string) =>
      (await notedOf(ended("failed", subject === undefined ? {} : { subject }), 2)).map(([route]) => route);
    expect(await routesOf(`ci/docs-${eventKey}`)).toEqual(["docs"]);
    expect(await routesOf(`ci/build-docs-${eventKey}`)).toEqual(["build-docs"]);
    expect(await routesOf()).toEqual(["docs", "build-docs"]);
  });

  it.each(["queued", "running", "waiting"] as const)("is not yet come while it is %s", async (state) => {
    expect(await notedOf(ended(state), 1)).toEqual([]);
  });

  it("proves nothing where only shadow mode let in the delivery that tells of it, or the one that fired it", async () => {
    expect(await notedOf(ended("succeeded", {}, UNPROVED), 1)).toEqual([]);
    const origin = busEventOf({ ...sampleDelivery(), ...UNPROVED }) as BusEvent;
    expect(await notedOf(ended("succeeded"), 1, origin)).toEqual([]);
  });
});

describe("an event on its way to the bus", () => {
  const heard = async (busEvent: BusEvent, routes = ROUTES) => {
    const { deps, noted, calls } = toolsFor(2, routes);
    await recordReportedRunEnd(busEvent, deps);
    return { noted: noted.map(([route]) => route), calls };
  };
  const origin = { delivery };

  it("ends the run that it is traced back to, though no route may act on it", async () => {
    expect((await heard(ended("succeeded", { origin, subject: `ci/docs-${eventKey}` }))).noted).toEqual(["docs"]);
  });

  it.each<[string, BusEvent, typeof ROUTES]>([
    ["goes on", ended("running", { origin }), ROUTES],
    ["no route waits for from this source", ended("succeeded", { origin }, { source: "wiki" }), ROUTES],
    ["no route could be rolled back by", ended("succeeded", { origin }), [{ name: "status" }] as typeof ROUTES],
    ["names no origin", ended("succeeded"), ROUTES],
  ])("costs not even a reading where it tells of a run that %s", async (_, busEvent, routes) => {
    expect(await heard(busEvent, routes)).toEqual({ noted: [], calls: [] });
  });
});

describe("a run that is fired", () => {
  const outcome = (changes: Partial<ActionOutcome>) => ({ summary: "as it went", ...changes }) as ActionOutcome;
  const docs = { name: "docs", runsReportedBy: "cluster" };
  it.each<[string, ActionOutcome, number]>([
    ["is noted", outcome({ outcome: "done" }), 1],
    ["is noted where nobody knows whether it is", outcome({ outcome: "retry", unknownOutcome: true }), 1],
    ["is none where the target was not reached", outcome({ outcome: "retry" }), 0],
    ["is none where the target refused", outcome({ outcome: "give_up" }), 0],
  ])("%s", async (_, told, count) => {
    const { deps, noted } = toolsFor(0);
    await recordRunStart(docs, ORIGIN.detail, told, deps);
    expect(noted).toEqual(Array(count).fill(["docs", { delivery, firedAt: "2026-11-02T09:00:00.000Z" }]));
    await recordRunStart({ name: "status" }, ORIGIN.detail, told, deps);
    expect(noted).toHaveLength(count);
  });
});
