import { afterEach, describe, expect, it } from "vitest";
import type { Bus } from "../../shared/bus/bus.ts";
import { relay, relayAll } from "../../shared/delivery/relay.ts";
import { replay } from "../../shared/delivery/replay.ts";
import { type BusEvent, busEventsOf } from "../../shared/model/bus-event.ts";
import { sourcePrincipal } from "../../shared/model/principal.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { bridgeParts, routeOf, scripted } from "../support/bridge-parts.ts";
import { sampleDelivery, samplePageEvent } from "../support/samples.ts";
import { silentLog } from "../support/test-doubles.ts";

let stop: (() => Promise<void>) | undefined;
afterEach(async () => {
  await stop?.();
  stop = undefined;
});

const DONE = { outcome: "done", summary: "accepted by the listener" } as const;
/** One delivery that reports three page edits. */
const BATCH: RecordedDelivery = {
  ...sampleDelivery(),
  id: "d-batch",
  events: [samplePageEvent(1), samplePageEvent(2), samplePageEvent(3)],
};
const IDS = ["d-batch", "d-batch.2", "d-batch.3"];

const versionOf = ({ detail }: BusEvent): number | undefined => ("page" in detail ? detail.page.version : undefined);

/** A bridge with a route for the versions that `isWanted` selects. */
async function partsWith(isWanted: (version: number) => boolean) {
  const script = scripted([DONE]);
  const matches = (busEvent: BusEvent) => isWanted(versionOf(busEvent) ?? 0);
  const parts = await bridgeParts([routeOf(script.run, { matches })]);
  stop = parts.stop;
  await parts.deliveries.record(BATCH);
  const deps = { ...parts, outbox: parts.deliveries, log: silentLog };
  return { ...parts, deps: { ...parts.deps, ...deps }, acted: () => script.contexts.map(({ busEvent }) => busEvent) };
}

describe("a delivery with several events", () => {
  it("each event is published with an id and a key of its own, and the delivery is relayed once", async () => {
    const { deps, deliveries, clock } = await partsWith(() => false);
    const published: BusEvent[] = [];
    const bus: Bus = {
      publish: async (busEvents) => {
        published.push(...busEvents);
        return busEvents.map(() => ({ published: true }));
      },
    };
    await relay(BATCH, { ...deps, bus });
    expect(published.map(({ detail }) => detail.id)).toEqual(IDS);
    expect(new Set(published.map(({ detail }) => detail.eventKey)).size).toBe(3);
    expect(new Set(published.map(({ detail }) => detail.delivery))).toEqual(new Set(["d-batch"]));
    expect(await deliveries.get("d-batch")).toMatchObject({ relayedAt: clock.now(), events: BATCH.events });
  });

  it("a route acts once on each event that it matches, however often the delivery is relayed", async () => {
    const { deps, runDue, acted, deliveries } = await partsWith((version) => version > 1);
    for (let time = 0; time < 3; time++) await relay(BATCH, deps);
    await runDue();
    await runDue();
    expect(acted().map(versionOf).sort()).toEqual([2, 3]);
    expect(
      acted()
        .map(({ detail }) => detail.id)
        .sort(),
    ).toEqual(IDS.slice(1));
    const timeline = await deliveries.timeline("d-batch");
    const lines = timeline.map((line) => `${line.kind} ${"event" in line ? line.event : ""}`);
    expect(lines.sort()).toEqual([
      "attempt d-batch.2",
      "attempt d-batch.3",
      "scheduled d-batch.2",
      "scheduled d-batch.3",
    ]);
  });

  it("the delivery stays in the outbox until the bus has accepted every event", async () => {
    const { deps, deliveries, clock } = await partsWith(() => false);
    const bus: Bus = {
      publish: async (busEvents) =>
        busEvents.map(({ detail }) =>
          detail.id === "d-batch.2" ? { published: false, code: "throttled" } : { published: true },
        ),
    };
    expect(
      await relayAll([BATCH, sampleDelivery(9)], { ...deps, bus, outbox: { mark: async () => undefined } }),
    ).toEqual([]);
    const failing = { mark: async () => Promise.reject(new Error("no store")) };
    expect(await relayAll([BATCH, sampleDelivery(9)], { ...deps, bus, outbox: failing })).toEqual(["d-batch"]);
    await relay(BATCH, { ...deps, bus });
    clock.advance(60_000);
    expect(await deliveries.unrelayed(clock.now(), 10)).toEqual(["d-batch"]);
    expect((await deliveries.get("d-batch"))?.relayedAt).toBeUndefined();
  });

  it("a replay runs every event again with a key of its own", async () => {
    const { deps, runDue, acted, deliveries } = await partsWith((version) => version > 1);
    await relay(BATCH, deps);
    await runDue();
    const by = sourcePrincipal("people", "test", "current");
    const recorded: RecordedDelivery[] = [];
    const order = { of: BATCH, routes: ["docs"], by, isRollback: false, key: ["again"], requestId: "r-1" };
    const again = await replay(order, { ...deps, recorded: (delivery) => void recorded.push(delivery) });
    const stored = await deliveries.get(again.delivery);
    const keys = [BATCH, stored].flatMap((one) => (one ? busEventsOf(one).map(({ detail }) => detail.eventKey) : []));
    expect(new Set(keys).size).toBe(6);
    for (const delivery of recorded) await relay(delivery, deps);
    await runDue();
    expect(acted().map(versionOf).sort()).toEqual([2, 2, 3, 3]);
  });
});
