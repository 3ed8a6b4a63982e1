import { describe, expect, it } from "vitest";
import { hopsTo } from "../../../shared/delivery/chain.ts";
import type { CorrelateDeps } from "../../../shared/delivery/correlate.ts";
import type { BusEvent } from "../../../shared/model/bus-event.ts";
import { busEventOf, sampleDelivery } from "../../support/samples.ts";
import { unexpected } from "../../support/test-doubles.ts";

const NO_READS: CorrelateDeps = {
  runReporters: [{ name: "docs", runsReportedBy: "wiki" }],
  deliveries: { get: unexpected("a read of a delivery"), timeline: unexpected("a read of a timeline") },
  actions: { state: unexpected("a read of an action") },
  origins: { find: unexpected("a search for an origin") },
};

const eventOf = (n: number): BusEvent => {
  const busEvent = busEventOf(sampleDelivery(n));
  if (busEvent === undefined) throw new Error("a sample has an event");
  return busEvent;
};

describe("the hops of a chain", () => {
  it.each([
    ["an event without an origin", undefined, 0],
    ["an event whose origin claims none", eventOf(1), 1],
  ])("%s costs no read", async (_, origin, hops) => {
    expect(await hopsTo({ busEvent: eventOf(2), origin }, 8, NO_READS)).toBe(hops);
  });

  it("a replay has none, whatever caused the delivery that it replays", async () => {
    const { detail, ...rest } = eventOf(2);
    const replay = { of: "d-1", routes: ["docs"], isRollback: false };
    const replayed: BusEvent = { ...rest, detail: { ...detail, replay } };
    expect(await hopsTo({ busEvent: replayed, origin: eventOf(1) }, 8, NO_READS)).toBe(0);
  });

  it("an origin at the limit is not traced back further", async () => {
    expect(await hopsTo({ busEvent: eventOf(2), origin: eventOf(1) }, 1, NO_READS)).toBe(1);
  });
});
