import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { relay } from "../../shared/delivery/relay.ts";
import type { BuildEvent, OriginClaim } from "../../shared/model/event.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { bridgeParts, routeOf, scripted } from "../support/bridge-parts.ts";
import { busEventOf, sampleDelivery } from "../support/samples.ts";
import { silentLog } from "../support/test-doubles.ts";

const PAGE_EDIT = sampleDelivery();

/** A cluster's report of a run, with the origin that it claims. */
function clusterReport(origin: OriginClaim | undefined, source = "prod-cluster"): RecordedDelivery {
  const event: BuildEvent = {
    type: "build.succeeded",
    keyParts: ["run-1", "succeeded"],
    time: "2026-11-02T09:03:00.000Z",
    subject: "docs-run",
    build: { system: "tekton", id: "run-1", pipeline: "ci/docs", state: "succeeded" },
    ...(origin && { origin }),
  };
  return { ...PAGE_EDIT, id: `d-reported-by-${source}`, source, provider: "tekton", what: event.type, events: [event] };
}

const trigger = scripted([
  { outcome: "done", summary: "accepted by the listener", facts: { eventID: "event-1", listener: "ci/drawbridge" } },
]);
const status = scripted([{ outcome: "done", summary: "page updated" }]);
const ROUTES = [
  routeOf(trigger.run, {
    name: "docs-build",
    runsReportedBy: "prod-cluster",
    matches: (busEvent) => busEvent["detail-type"] === "page.updated",
  }),
  routeOf(status.run, {
    name: "status",
    action: "confluence",
    target: "pages",
    matches: (busEvent) => busEvent["detail-type"] === "build.succeeded",
  }),
];

let parts: Awaited<ReturnType<typeof bridgeParts>>;
beforeEach(async () => {
  status.contexts.length = 0;
  await start(ROUTES);
});
afterEach(() => parts.stop());

async function start(routes: typeof ROUTES): Promise<void> {
  parts = await bridgeParts(routes);
  await take(PAGE_EDIT);
}

async function take(delivery: RecordedDelivery): Promise<void> {
  await parts.deliveries.record(delivery);
  await relay(delivery, { ...parts, outbox: parts.deliveries, log: silentLog });
}

const originOfStatus = () => status.contexts[0]?.origin.detail.delivery;

describe("the event of a run", () => {
  it("the origin is found by the annotation, before the trigger's response was stored", async () => {
    await take(clusterReport({ delivery: PAGE_EDIT.id, triggerEventId: "not-stored-yet" }));
    await parts.runDue("pages");
    expect(originOfStatus()).toBe(PAGE_EDIT.id);
    expect(status.contexts[0]?.origin).toEqual(busEventOf(PAGE_EDIT));
  });

  it("the origin is found by the listener's event id", async () => {
    await parts.origins.remember("prod-cluster", "event-1", PAGE_EDIT.id);
    await take(clusterReport({ triggerEventId: "event-1" }));
    await parts.runDue("pages");
    expect(originOfStatus()).toBe(PAGE_EDIT.id);
  });

  it("an event that arrives before the listener's response was stored waits for it", async () => {
    await take(clusterReport({ triggerEventId: "event-1" }));
    await parts.runDue("pages");
    expect(status.contexts).toHaveLength(0);
    await parts.origins.remember("prod-cluster", "event-1", PAGE_EDIT.id);
    parts.clock.advance(1_000);
    await parts.runDue("pages");
    expect(originOfStatus()).toBe(PAGE_EDIT.id);
  });

  it("an event whose listener's event id stays unknown is handled without an origin", async () => {
    const report = clusterReport({ triggerEventId: "of-another-bridge" });
    await take(report);
    for (let round = 0; round < 4; round++) {
      await parts.runDue("pages");
      parts.clock.advance(60_000);
    }
    expect(originOfStatus()).toBe(report.id);
  });

  it("an event is recorded in its origin's timeline", async () => {
    const report = clusterReport({ delivery: PAGE_EDIT.id });
    await take(report);
    await parts.runDue("pages");
    expect(await parts.deliveries.timeline(PAGE_EDIT.id)).toContainEqual(
      expect.objectContaining({ kind: "followed_by", delivery: report.id, what: "build.succeeded docs-run" }),
    );
  });

  const disbelieved: readonly (readonly [string, OriginClaim | undefined, string])[] = [
    ["that claims no origin", undefined, "prod-cluster"],
    ["that names a delivery which does not exist", { delivery: "d-made-up" }, "prod-cluster"],
    ["of another cluster that names a delivery of this one", { delivery: PAGE_EDIT.id }, "test-cluster"],
  ];
  it.each(disbelieved)("an event %s is its own origin", async (_, claim, source) => {
    const report = clusterReport(claim, source);
    await take(report);
    await parts.runDue("pages");
    expect(originOfStatus()).toBe(report.id);
  });

  it("an event that names a delivery for which this source was not triggered is its own origin", async () => {
    const untriggered = clusterReport(undefined, "elsewhere");
    await take(untriggered);
    const report = { ...clusterReport({ delivery: untriggered.id }), id: "d-second" };
    await take(report);
    await parts.runDue("pages");
    expect(status.contexts.map(({ origin }) => origin.detail.delivery)).toContain("d-second");
  });
});

describe("the proof of an origin", () => {
  const [firing, ...others] = ROUTES;
  const keyed = firing ? [{ ...firing, originKey: { current: "env:KEY" } }, ...others] : [];
  const { eventKey } = busEventOf(PAGE_EDIT)?.detail ?? { eventKey: "" };
  const traced = async (routes: typeof ROUTES, claim: Partial<OriginClaim>) => {
    await parts.stop();
    await start(routes);
    await take(clusterReport({ delivery: PAGE_EDIT.id, ...claim }));
    await parts.runDue("pages");
    const follower = (await parts.deliveries.timeline(PAGE_EDIT.id)).find(({ kind }) => kind === "followed_by");
    const { origin, originProof } = status.contexts[0] ?? {};
    const ends = (await parts.runs.of("docs-build")).filter(({ end }) => end !== undefined);
    return { origin: origin?.detail.delivery, originProof, follower, ends: ends.length };
  };

  it("a run that proves its origin is the good run of its route", async () => {
    const proved = { route: "docs-build", eventKey };
    const { follower, ...found } = await traced(keyed, { proved });
    expect(found).toEqual({ origin: PAGE_EDIT.id, originProof: "proved", ends: 1 });
    expect(follower).not.toHaveProperty("claimed");
  });

  it.each([
    ["nothing", {}],
    ["to be a run of another route", { proved: { route: "notes-build", eventKey } }],
    ["to be a run for another event", { proved: { route: "docs-build", eventKey: "e-other" } }],
  ])("a run that proves %s is traced as claimed, and is no good run of a route with a key", async (_, claim) => {
    const { follower, ...found } = await traced(keyed, claim);
    expect(found).toEqual({ origin: PAGE_EDIT.id, originProof: "claimed", ends: 0 });
    expect(follower).toHaveProperty("claimed", true);
  });

  it("a run of a route without a key is traced as claimed, and counts as before", async () => {
    const { follower, ...found } = await traced(ROUTES, {});
    expect(found).toEqual({ origin: PAGE_EDIT.id, originProof: "unprovable", ends: 1 });
    expect(follower).toHaveProperty("claimed", true);
  });
});

describe("the namespace of a run that claims an origin", () => {
  const claimFrom = (namespace: string): RecordedDelivery => ({
    ...clusterReport({ delivery: PAGE_EDIT.id, triggerEventId: "event-1", namespace }),
    id: `d-from-${namespace}`,
  });
  const [firing, ...others] = ROUTES;
  const naming = (runNamespaces: readonly string[]) => (firing ? [{ ...firing, runNamespaces }, ...others] : []);

  async function originOfRunIn(namespace: string): Promise<string | undefined> {
    await take(claimFrom(namespace));
    for (let round = 0; round < 12; round++) {
      await parts.runDue("pages");
      parts.clock.advance(60_000);
    }
    return originOfStatus();
  }

  it("a claim from a namespace that the target names is accepted before the listener's response is stored", async () => {
    await parts.stop();
    await start(naming(["builds-*"]));
    await take(claimFrom("builds-docs"));
    await parts.runDue("pages");
    expect(originOfStatus()).toBe(PAGE_EDIT.id);
  });

  it.each(["intruder", "ci"])("a claim from %s is not accepted if the target names another namespace", async (from) => {
    await parts.stop();
    await start(naming(["builds-*"]));
    await parts.runDue("ci");
    await parts.origins.remember("prod-cluster", "event-1", PAGE_EDIT.id);
    expect(await originOfRunIn(from)).toBe(`d-from-${from}`);
  });

  it("a target that names none takes the namespace of the listener's response", async () => {
    await parts.runDue("ci");
    expect(await originOfRunIn("ci")).toBe(PAGE_EDIT.id);
  });

  it("a claim by annotation and by event id is not accepted from another namespace than the listener's", async () => {
    await parts.runDue("ci");
    await parts.origins.remember("prod-cluster", "event-1", PAGE_EDIT.id);
    expect(await originOfRunIn("intruder")).toBe("d-from-intruder");
    expect(await parts.deliveries.timeline(PAGE_EDIT.id)).not.toContainEqual(
      expect.objectContaining({ kind: "followed_by" }),
    );
  });

  it("a claim that arrives before the listener's response waits for it", async () => {
    await take(claimFrom("ci"));
    await parts.runDue("pages");
    expect(status.contexts).toHaveLength(0);
    await parts.runDue("ci");
    parts.clock.advance(3_000);
    await parts.runDue("pages");
    expect(originOfStatus()).toBe(PAGE_EDIT.id);
  });

  it("a claim is not accepted if the listener's response never comes", async () => {
    expect(await originOfRunIn("ci")).toBe("d-from-ci");
  });
});
