import { describe, expect, it } from "vitest";
import {
  recordReportedRunEnd,
  recordRunEnd,
  recordRunStart,
  recordTriggerReport,
} from "../../../shared/delivery/run-tracking.ts";
import type { ActionOutcome } from "../../../shared/model/action-outcome.ts";
import type { BusEvent } from "../../../shared/model/bus-event.ts";
import type { BuildEvent, BuildPart, BuildState, EventType, OriginProof } from "../../../shared/model/event.ts";
import type { RecordedDelivery } from "../../../shared/model/recorded-delivery.ts";
import type { RecordedRun } from "../../../shared/store/runs.ts";
import { busEventOf, sampleDelivery } from "../../support/samples.ts";
import { testClock, unexpected } from "../../support/test-doubles.ts";

type TriggerType = Extract<EventType, `trigger.${string}`>;

const ORIGIN = busEventOf(sampleDelivery()) as BusEvent;
const { eventKey, delivery } = ORIGIN.detail;
const UNPROVED: Partial<RecordedDelivery> = { refusal: { reason: "token_expired", expiredBySeconds: 9 } };

interface Reported extends Partial<BuildPart> {
  readonly subject?: string;
  readonly origin?: BuildEvent["origin"];
}

function ended(state: BuildState, reported: Reported = {}, changes: Partial<RecordedDelivery> = {}): BusEvent {
  const { subject = "ci/run-1", origin, ...build } = reported;
  const event: BuildEvent = {
    type: `build.${state}`,
    keyParts: ["1"],
    time: "2026-11-02T09:03:00.000Z",
    subject,
    ...(origin && { origin }),
    build: { system: "tekton", id: "1", pipeline: "ci/docs", state, ...build },
  };
  return busEventOf({
    ...sampleDelivery(2),
    source: "cluster",
    what: event.type,
    ...changes,
    events: [event],
  }) as BusEvent;
}

const ROUTES = [
  { name: "docs", runsReportedBy: "cluster" },
  { name: "build-docs", runsReportedBy: "cluster" },
  { name: "elsewhere", runsReportedBy: "other" },
  { name: "status" },
];

/** Dependencies of a bridge where this many routes have fired on the origin. */
function depsFor(fired: number, routes = ROUTES) {
  const recorded: (readonly [string, RecordedRun])[] = [];
  const calls: string[] = [];
  let asked = 0;
  const called = <T>(call: string, answer: T): Promise<T> => {
    calls.push(call);
    return Promise.resolve(answer);
  };
  const deps = {
    runReporters: routes,
    actions: { state: () => called("state", asked++ < fired ? ("done" as const) : undefined) },
    runs: { record: async (route: string, run: RecordedRun) => void recorded.push([route, run]) },
    deliveries: { get: () => called("delivery", sampleDelivery()), timeline: async () => [] },
    origins: { find: () => called("origin", undefined) },
    clock: testClock(),
  };
  return { deps, recorded, calls };
}

async function recordedOf(busEvent: BusEvent, fired: number, origin = ORIGIN, proof: OriginProof = "proved") {
  const { deps, recorded } = depsFor(fired);
  await recordRunEnd({ busEvent, origin, proof, source: "cluster" }, deps);
  return recorded;
}

describe("the end of a run", () => {
  it("a run that could prove its origin and does not is no good run, and one that cannot is as good as before", async () => {
    expect(await recordedOf(ended("succeeded"), 1, ORIGIN, "claimed")).toEqual([]);
    expect(await recordedOf(ended("succeeded"), 1, ORIGIN, "unprovable")).toHaveLength(1);
  });

  const at = "2026-11-02T09:03:00.000Z";
  it.each([
    ["succeeded", true],
    ["failed", false],
    ["cancelled", false],
    ["timed_out", false],
  ] as const)("the end of a run that %s is recorded for the route that fired it", async (state, succeeded) => {
    expect(await recordedOf(ended(state), 1)).toEqual([["docs", { delivery, beganAt: at, end: { succeeded, at } }]]);
  });

  it("the end of a run is recorded with the environment that the run reports as a result, and with its start", async () => {
    const createdAt = "2026-11-02T09:01:00.000Z";
    const reported = { results: { environment: "production" }, createdAt };
    expect(await recordedOf(ended("succeeded", reported), 1)).toMatchObject([
      ["docs", { beganAt: createdAt, end: { environment: "production" } }],
    ]);
  });

  it("the end belongs to the one of two routes that the run is named after, even if the other's name ends in it", async () => {
    const routesOf = async (subject?: string) =>
      (await recordedOf(ended("failed", subject === undefined ? {} : { subject }), 2)).map(([route]) => route);
    expect(await routesOf(`ci/docs-${eventKey}`)).toEqual(["docs"]);
    expect(await routesOf(`ci/build-docs-${eventKey}`)).toEqual(["build-docs"]);
    expect(await routesOf()).toEqual(["docs", "build-docs"]);
  });

  it.each(["queued", "running", "waiting"] as const)("no end is recorded while the run is %s", async (state) => {
    expect(await recordedOf(ended(state), 1)).toEqual([]);
  });

  it("no end is recorded if shadow mode alone let in the delivery that reports it or the one that fired the run", async () => {
    expect(await recordedOf(ended("succeeded", {}, UNPROVED), 1)).toEqual([]);
    const origin = busEventOf({ ...sampleDelivery(), ...UNPROVED }) as BusEvent;
    expect(await recordedOf(ended("succeeded"), 1, origin)).toEqual([]);
  });
});

describe("an event on its way to the bus", () => {
  const publishing = async (busEvent: BusEvent, routes = ROUTES) => {
    const { deps, recorded, calls } = depsFor(2, routes);
    const wakePromotions = unexpected("a promotion, on a route without environments");
    await recordReportedRunEnd(busEvent, { ...deps, wakePromotions });
    return { recorded: recorded.map(([route]) => route), calls };
  };
  const origin = { delivery };

  it("an event ends the run that it is traced back to, even if no route acts on it", async () => {
    expect((await publishing(ended("succeeded", { origin, subject: `ci/docs-${eventKey}` }))).recorded).toEqual([
      "docs",
    ]);
  });

  it.each<[string, BusEvent, typeof ROUTES]>([
    ["goes on", ended("running", { origin }), ROUTES],
    ["no route expects from this source", ended("succeeded", { origin }, { source: "wiki" }), ROUTES],
    ["no route could be rolled back to", ended("succeeded", { origin }), [{ name: "status" }] as typeof ROUTES],
    ["names no origin", ended("succeeded"), ROUTES],
  ])("an event costs no read if it reports a run that %s", async (_, busEvent, routes) => {
    expect(await publishing(busEvent, routes)).toEqual({ recorded: [], calls: [] });
  });
});

describe("the start of a run", () => {
  const outcome = (changes: Partial<ActionOutcome>) => ({ summary: "as it went", ...changes }) as ActionOutcome;
  const docs = { name: "docs", runsReportedBy: "cluster" };
  it.each<[string, ActionOutcome, number]>([
    ["is recorded if the action is done", outcome({ outcome: "done" }), 1],
    ["is recorded if the target accepted the request", outcome({ outcome: "expect_run" }), 1],
    ["is recorded if its effect is unknown", outcome({ outcome: "retry", unknownOutcome: true }), 1],
    ["is not recorded if the target was not reached", outcome({ outcome: "retry" }), 0],
    ["is not recorded if the target rejected it", outcome({ outcome: "give_up" }), 0],
  ])("the start of a run %s", async (_, result, count) => {
    const { deps, recorded } = depsFor(0);
    await recordRunStart(docs, ORIGIN.detail, result, deps);
    expect(recorded).toEqual(Array(count).fill(["docs", { delivery, firedAt: "2026-11-02T09:00:00.000Z" }]));
    await recordRunStart({ name: "status" }, ORIGIN.detail, result, deps);
    expect(recorded).toHaveLength(count);
  });
});

describe("the report of a listener", () => {
  const reported = (type: TriggerType, changes: Partial<RecordedDelivery> = {}, event: object = {}) =>
    busEventOf({
      ...sampleDelivery(3),
      source: "cluster",
      what: type,
      ...changes,
      events: [
        {
          type,
          keyParts: ["1"],
          time: "2026-11-02T09:03:00.000Z",
          subject: "ci/drawbridge",
          trigger: { system: "tekton", listener: "ci/drawbridge", eventId: "event-1" },
          origin: { triggerEventId: "event-1" },
          ...event,
        },
      ],
    }) as BusEvent;

  /** The lines that are added to timelines if the answer with this event id is stored, and the number of reads. */
  const addedFor = async (busEvent: BusEvent, stored: string | undefined = "event-1") => {
    const { deps, calls } = depsFor(1);
    const added: (readonly [string, object])[] = [];
    const deliveries = {
      ...deps.deliveries,
      addToTimeline: async (id: string, line: object) => void added.push([id, line]),
    };
    const origins = {
      find: async (_: string, id: string) => {
        calls.push("origin");
        return id === stored ? delivery : undefined;
      },
    };
    await recordTriggerReport(busEvent, { ...deps, deliveries, origins });
    return { added, reads: calls.length };
  };

  it.each(["trigger.succeeded", "trigger.failed"] as const)(
    "%s is in the timeline of the delivery that it was for",
    async (type) => {
      const busEvent = reported(type);
      const what = `${type} ci/drawbridge`;
      expect((await addedFor(busEvent)).added).toEqual([
        [
          delivery,
          {
            at: Date.parse(busEvent.time),
            kind: "followed_by",
            delivery: busEvent.detail.delivery,
            what,
            claimed: true,
          },
        ],
      ]);
    },
  );

  it("a refusal of the interceptor is in that timeline with its reason", async () => {
    const trigger = { system: "tekton", name: "ci/docs-build", eventId: "event-1", reason: "token_expired" };
    const busEvent = reported("trigger.refused", {}, { subject: "ci/docs-build", trigger });
    expect((await addedFor(busEvent)).added).toEqual([
      [delivery, expect.objectContaining({ what: "trigger.refused ci/docs-build: token_expired" })],
    ]);
    expect((await addedFor(busEvent, "event-2")).added).toEqual([]);
  });

  it("a report about a request of somebody else, or before the listener's answer is stored, is in no timeline", async () => {
    expect((await addedFor(reported("trigger.succeeded"), "event-2")).added).toEqual([]);
  });

  it.each<[string, BusEvent]>([
    ["of a request's receipt", reported("trigger.started")],
    ["of a request's end", reported("trigger.done")],
    ["of a listener whose runs no route expects", reported("trigger.failed", { source: "wiki" })],
    ["that only shadow mode accepted", reported("trigger.succeeded", UNPROVED)],
  ])("a report %s costs no read", async (_, busEvent) => {
    expect(await addedFor(busEvent)).toEqual({ added: [], reads: 0 });
  });
});
