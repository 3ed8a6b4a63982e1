import { describe, expect, it } from "vitest";
import type { Bus, PublishResult } from "../../../shared/bus/bus.ts";
import { type SideEffect, withSideEffects } from "../../../shared/delivery/side-effects.ts";
import { Fault } from "../../../shared/host/fault.ts";
import type { Log } from "../../../shared/host/log.ts";
import type { BusEvent } from "../../../shared/model/bus-event.ts";
import { busEventOf, sampleDelivery } from "../../support/samples.ts";

function eventOf(n: number): BusEvent {
  const busEvent = busEventOf(sampleDelivery(n));
  if (busEvent === undefined) throw new Error("a sample delivery is an event");
  return busEvent;
}

const [FIRST, SECOND, THIRD] = [eventOf(1), eventOf(2), eventOf(3)];
const nameOf = (busEvent: BusEvent): string =>
  ["", "first", "second", "third"][[FIRST, SECOND, THIRD].indexOf(busEvent) + 1] ?? "";

const PUBLISHED: PublishResult = { published: true };
const outage = new Fault("store_unavailable", "throttled", { retryable: true });

/** A side effect that fails for this event. */
const failingFor =
  (failing: BusEvent, error: unknown): SideEffect =>
  async (busEvent) => {
    if (busEvent === failing) throw error;
  };

/** A bus that publishes everything unless `answer` says otherwise, and records what it was given in `calls`. */
function bench(effects: readonly SideEffect[], answer?: (busEvents: readonly BusEvent[]) => readonly PublishResult[]) {
  const calls: string[] = [];
  const lines: (readonly [string, unknown, string])[] = [];
  const inner: Bus = {
    publish: async (busEvents) => {
      calls.push(`publish ${busEvents.map(nameOf).join(" ")}`);
      return answer?.(busEvents) ?? busEvents.map(() => PUBLISHED);
    },
  };
  const line =
    (level: string): Log["info"] =>
    (fields, message) =>
      void lines.push([level, fields, message]);
  const log: Log = { info: line("info"), warn: line("warn"), error: line("error") };
  const recorded = (name: string): SideEffect => {
    return async (busEvent) => {
      // The later effect must wait for the earlier one, however long that takes.
      for (let turn = 0; turn < 3; turn++) await Promise.resolve();
      calls.push(`${name} of ${nameOf(busEvent)}`);
    };
  };
  const bus = withSideEffects(inner, [recorded("change"), ...effects, recorded("command")], log);
  return { bus, calls, lines };
}

describe("a bus with side effects", () => {
  it("the bus runs every side effect of an event in order, and publishes the event after the last one", async () => {
    const { bus, calls, lines } = bench([]);
    expect(await bus.publish([FIRST])).toEqual([PUBLISHED]);
    expect(calls).toEqual(["change of first", "command of first", "publish first"]);
    expect(lines).toEqual([]);
  });

  it("the bus publishes a batch at once, in the order of the batch", async () => {
    const { bus, calls } = bench([]);
    expect(await bus.publish([THIRD, FIRST, SECOND])).toEqual([PUBLISHED, PUBLISHED, PUBLISHED]);
    expect(calls.filter((call) => call.startsWith("publish"))).toEqual(["publish third first second"]);
    expect(calls.at(-1)).toBe("publish third first second");
  });

  it("the bus does not publish an event whose side effect failed with a fault, and publishes the others in order", async () => {
    const { bus, calls, lines } = bench([failingFor(SECOND, outage)], (busEvents) =>
      busEvents.map((busEvent) => (busEvent === THIRD ? { published: false, code: "throttled" } : PUBLISHED)),
    );
    expect(await bus.publish([FIRST, SECOND, THIRD])).toEqual([
      PUBLISHED,
      { published: false, code: "store_unavailable" },
      { published: false, code: "throttled" },
    ]);
    expect(calls.at(-1)).toBe("publish first third");
    expect(calls).not.toContain("command of second");
    expect(lines).toEqual([
      ["error", { delivery: SECOND.detail.delivery, error: "store_unavailable" }, "a side effect of an event failed"],
    ]);
  });

  it("the inner bus is not called if every event of the batch failed", async () => {
    const { bus, calls } = bench([failingFor(FIRST, outage), failingFor(SECOND, outage)]);
    const failed = { published: false, code: "store_unavailable" };
    expect(await bus.publish([FIRST, SECOND])).toEqual([failed, failed]);
    expect(calls).toEqual(["change of first", "change of second"]);
  });

  it("the bus publishes an event whose side effect has a defect, and logs the kind of the error without its message", async () => {
    const { bus, calls, lines } = bench([failingFor(FIRST, new TypeError("canary-value"))]);
    expect(await bus.publish([FIRST, SECOND])).toEqual([PUBLISHED, PUBLISHED]);
    expect(calls.at(-1)).toBe("publish first second");
    expect(calls).not.toContain("command of first");
    expect(lines).toEqual([
      ["error", { delivery: FIRST.detail.delivery, error: "TypeError" }, "a side effect of an event failed"],
    ]);
    expect(JSON.stringify(lines)).not.toContain("canary-value");
  });

  it("the bus reports no_result for an event that the inner bus gave no result for", async () => {
    const { bus } = bench([failingFor(FIRST, outage)], () => [PUBLISHED]);
    expect(await bus.publish([FIRST, SECOND, THIRD])).toEqual([
      { published: false, code: "store_unavailable" },
      PUBLISHED,
      { published: false, code: "no_result" },
    ]);
  });

  it("the bus passes on the error of an inner bus that took no event at all", async () => {
    const unavailable = new Fault("bus_unavailable", "no answer", { retryable: true });
    const { bus } = bench([], () => {
      throw unavailable;
    });
    await expect(bus.publish([FIRST])).rejects.toBe(unavailable);
  });

  it("the side effects run again for an event that is published again, with the same result", async () => {
    const changes = new Set<string>();
    const { bus, calls } = bench([async (busEvent) => void changes.add(busEvent.detail.eventKey)]);
    expect(await bus.publish([FIRST])).toEqual([PUBLISHED]);
    expect(await bus.publish([FIRST])).toEqual([PUBLISHED]);
    const once = ["change of first", "command of first", "publish first"];
    expect(calls).toEqual([...once, ...once]);
    expect([...changes]).toEqual([FIRST.detail.eventKey]);
  });

  it("an event whose side effect failed at first is published later, after all its side effects ran", async () => {
    let isDown = true;
    const { bus, calls } = bench([
      async () => {
        if (isDown) throw outage;
      },
    ]);
    expect(await bus.publish([FIRST])).toEqual([{ published: false, code: "store_unavailable" }]);
    isDown = false;
    expect(await bus.publish([FIRST])).toEqual([PUBLISHED]);
    expect(calls).toEqual(["change of first", "change of first", "command of first", "publish first"]);
  });
});
