import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { correlate } from "../../shared/delivery/correlate.ts";
import { relay } from "../../shared/delivery/relay.ts";
import { replay } from "../../shared/delivery/replay.ts";
import { schedule } from "../../shared/delivery/schedule.ts";
import { type EpochMillis, laterBy, toIso } from "../../shared/host/clock.ts";
import { busEventsOf } from "../../shared/model/bus-event.ts";
import { type CodeEvent, REPEAT_MS } from "../../shared/model/event.ts";
import { sourcePrincipal } from "../../shared/model/principal.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { bridgeParts, routeOf, scripted } from "../support/bridge-parts.ts";
import { propertyCases } from "../support/property-cases.ts";
import { busEventOf, sampleDelivery } from "../support/samples.ts";
import { silentLog } from "../support/test-doubles.ts";

let stop: (() => Promise<void>) | undefined;
afterEach(async () => {
  await stop?.();
  stop = undefined;
});

const MINUTE_MS = 60_000;
const REPORTED_BY = { runsReportedBy: "cluster" };

/** A move of the branch `production`, reported without an instant. */
function push(id: string, [before, after]: readonly [string, string], receivedAt: EpochMillis): RecordedDelivery {
  const event: CodeEvent = {
    type: "code.pushed",
    keyParts: ["15", "refs/heads/production", before, after],
    time: toIso(receivedAt),
    undated: true,
    subject: "platform/docs",
    code: {
      project: "platform/docs",
      ref: "refs/heads/production",
      name: "production",
      change: "updated",
      commit: after,
      before,
      commits: [],
      commitCount: 1,
    },
  };
  const { events: _, ...sample } = sampleDelivery(1, { source: "code", provider: "gitlab", what: event.type });
  return { ...sample, id, receivedAt, events: [event] };
}

async function parts() {
  const script = scripted([{ outcome: "done", summary: "accepted" }]);
  const built = await bridgeParts([routeOf(script.run, REPORTED_BY)]);
  stop = built.stop;
  const relayed = async (delivery: RecordedDelivery): Promise<void> => {
    await built.deliveries.record(delivery);
    await relay(delivery, { ...built, outbox: built.deliveries, log: silentLog });
  };
  const now = built.clock.now();
  const pushed = (id: string, move: readonly [string, string], minute: number) =>
    relayed(push(id, move, laterBy(now, minute * MINUTE_MS)));
  const fired = async () => {
    await built.runDue();
    return script.contexts.map(({ busEvent }) => busEvent);
  };
  return { ...built, relayed, pushed, fired, now };
}

const FORWARD = ["aaaa", "bbbb"] as const;
const BACK = ["bbbb", "aaaa"] as const;

describe("an event without an instant", () => {
  it("a branch that is rolled back and forward fires each time, and the twin of each push fires nothing more", async () => {
    const { pushed, fired, deliveries } = await parts();
    await pushed("d-1", FORWARD, 0);
    await pushed("d-1-twin", FORWARD, 0.1);
    await pushed("d-2", BACK, 15);
    await pushed("d-3-twin", FORWARD, 30.1);
    await pushed("d-3", FORWARD, 30);
    await pushed("d-4", FORWARD, 60);
    const events = await fired();
    expect(events.map(({ detail }) => detail.delivery).sort()).toEqual(["d-1", "d-2", "d-3-twin", "d-4"]);
    expect(new Set(events.map(({ detail }) => detail.eventKey)).size).toBe(4);
    expect((await deliveries.get("d-1-twin"))?.repeats).toBe("d-1");
    expect((await deliveries.get("d-3"))?.repeats).toBe("d-3-twin");
    expect((await deliveries.get("d-4"))?.repeats).toBeUndefined();
    expect(await deliveries.timeline("d-4")).toContainEqual(
      expect.objectContaining({ kind: "scheduled", occurrence: 3 }),
    );
  });

  it("a delivery that is relayed again is its own occurrence, also after later ones", async () => {
    const { pushed, fired, deliveries } = await parts();
    for (const time of [1, 2]) {
      await pushed("d-1", FORWARD, 0);
      await pushed("d-2", FORWARD, 30);
      await pushed("d-3", FORWARD, 60);
      expect([time, (await fired()).length]).toEqual([time, 3]);
    }
    for (const id of ["d-1", "d-2", "d-3"]) expect((await deliveries.get(id))?.repeats).toBeUndefined();
  });

  it("a push that is relayed after a later one, because of an outage, is an occurrence of its own", async () => {
    const { pushed, fired } = await parts();
    await pushed("d-2", FORWARD, 30);
    await pushed("d-1", FORWARD, 0);
    await pushed("d-1-twin", FORWARD, 0.1);
    await pushed("d-2-twin", FORWARD, 30.1);
    expect((await fired()).map(({ detail }) => detail.delivery).sort()).toEqual(["d-1", "d-2"]);
  });

  it("concurrent reports of one occurrence agree on one action", async () => {
    const { pushed, fired } = await parts();
    await pushed("d-1", FORWARD, 0);
    await Promise.all(Array.from({ length: 20 }, (_, n) => pushed(`d-2-${n}`, FORWARD, 30 + n / 100)));
    expect(await fired()).toHaveLength(2);
  });

  it("a replay of a repeat fires", async () => {
    const { pushed, relayed, fired, deliveries, actions, clock } = await parts();
    await pushed("d-1", FORWARD, 0);
    await pushed("d-again", FORWARD, 5);
    expect(await fired()).toHaveLength(1);
    const of = await deliveries.get("d-again");
    if (of === undefined) throw new Error("it is recorded");
    const recorded: RecordedDelivery[] = [];
    const by = sourcePrincipal("people", "test", "current");
    const order = { of, routes: ["docs"], by, isRollback: false, key: ["k"], requestId: "r" };
    const { delivery } = await replay(order, {
      deliveries,
      actions,
      clock,
      recorded: (one) => void recorded.push(one),
    });
    for (const one of recorded) await relayed(one);
    expect((await fired()).map(({ detail }) => detail.delivery)).toEqual(["d-1", delivery]);
    expect((await deliveries.get(delivery))?.repeats).toBeUndefined();
  });

  it("a run is traced back to the occurrence that fired it, with that occurrence's key", async () => {
    const { pushed, fired, bridge, now } = await parts();
    await pushed("d-1", FORWARD, 0);
    await pushed("d-2", FORWARD, 30);
    const second = (await fired()).find(({ detail }) => detail.delivery === "d-2");
    const report = busEventOf({ ...push("d-run", BACK, now), source: "cluster" });
    if (report === undefined) throw new Error("it is an event");
    const claiming = { ...report, detail: { ...report.detail, origin: { delivery: "d-2" } } } as typeof report;
    const runReporters = [{ name: "docs", ...REPORTED_BY }];
    expect(await correlate(claiming, "cluster", { ...bridge, runReporters })).toEqual({
      found: true,
      busEvent: second,
      proof: "unprovable",
    });
  });

  it("each happening fires once, whatever the order and number of its reports", async () => {
    const { actions, bridge, clock, now } = await parts();
    const route = { name: "docs", action: "tekton", target: "ci" };
    // Hooks report within seconds. Two happenings with the same (from, to) are further apart than the window.
    const reports = fc
      .array(fc.record({ gap: fc.integer({ min: REPEAT_MS + MINUTE_MS, max: 90 * MINUTE_MS }), twins: fc.nat(2) }), {
        minLength: 1,
        maxLength: 4,
      })
      .chain((happenings) => {
        let at = 0;
        const all = happenings.flatMap(({ gap, twins }, happening) => {
          at += gap;
          return Array.from({ length: twins + 1 }, (_, twin) => ({ happening, twin, at: at + twin * 1_000 }));
        });
        return fc.tuple(fc.shuffledSubarray(all, { minLength: all.length }), fc.constant(happenings.length));
      });
    let cases = 0;
    await fc.assert(
      fc.asyncProperty(reports, async ([arrivals, happenings]) => {
        const branch = String(++cases);
        const owners = new Map<number, number>();
        for (const { happening, twin, at } of arrivals) {
          const receivedAt = laterBy(now, at);
          const [busEvent] = busEventsOf(push(`d-${branch}-${happening}-${twin}`, [branch, "bbbb"], receivedAt));
          if (busEvent === undefined) throw new Error("it is an event");
          const { isOwn } = await schedule(route, busEvent.detail, { ...bridge, actions, clock });
          if (isOwn) owners.set(happening, (owners.get(happening) ?? 0) + 1);
        }
        expect([...owners.values()]).toEqual(Array.from({ length: happenings }, () => 1));
      }),
      propertyCases("occurrences"),
    );
  }, 300_000);
});
