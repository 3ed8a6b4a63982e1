import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  billOfAction,
  billOfBridge,
  billOfTracing,
  billOfUsual,
  relayingOf,
  standingBill,
  tracedShareAt,
} from "../../infra/cost/bill.ts";
import { ACTION_COSTS } from "../../infra/cost/inputs.ts";
import { itemBytes, writeUnits } from "../../infra/cost/item-size.ts";
import { dollarsOf, PRICES, totalOf } from "../../infra/cost/prices.ts";
import { toStored } from "../../shared/store/dynamodb/item.ts";
import type { Item } from "../../shared/store/table.ts";

describe("the size of an item", () => {
  const sizes: readonly (readonly [what: string, item: Item, bytes: number])[] = [
    ["a text: its name and its letters", { pk: "d-1" }, 5],
    ["a text in UTF-8", { pk: "ü€" }, 7],
    ["an empty text: its name", { pk: "" }, 2],
    ["bytes, not as base64", { content: new Uint8Array(10) }, 17],
    ["zero: one byte", { n: 0 }, 2],
    ["two digits: one byte, and one more", { n: 42 }, 3],
    ["three digits: two bytes, and one more", { n: 421 }, 4],
    ["a number with zeros at its end, which do not count", { n: 1_793_610_000_000 }, 6],
    ["all attributes together", { pk: "d-1", n: 7 }, 8],
  ];

  it.each(sizes)("the size is right for %s", (_, item, bytes) => {
    expect(itemBytes(toStored(item))).toBe(bytes);
  });

  it("an item is as large as the sum of its attributes", () => {
    const value = fc.oneof(fc.string({ unit: "grapheme" }), fc.maxSafeNat(), fc.uint8Array());
    const name = fc.oneof(fc.string(), fc.constantFrom("pk", "sk", "what", "content"));
    fc.assert(
      fc.property(fc.dictionary(name, value), (item) => {
        const alone = Object.entries(item).map(([key, one]) => itemBytes(toStored({ [key]: one })));
        expect(itemBytes(toStored(item))).toBe(alone.reduce((sum, bytes) => sum + bytes, 0));
      }),
    );
  });

  it("each started kilobyte counts as one unit, and an item as at least one", () => {
    expect([0, 1, 1_024, 1_025, 2_048, 2_049].map(writeUnits)).toEqual([1, 1, 1, 2, 2, 3]);
  });
});

const bodies = {
  itemBytes: 1_400,
  onePageBytes: 400,
  furtherBytes: 100,
  lookups: 0.8,
  lookupBytes: 100,
  indexBytes: 64,
  tableUnits: 2,
  entryBytes: 1_000,
  plainBytes: 3_900,
  plainUnits: 4,
};
const at = (perSecond: number) => ({ perSecond, bodies });

describe("the bill", () => {
  it("prices are multiplied as by hand: one more KB in each of a million items costs five eighths of a dollar", () => {
    expect(dollarsOf({ price: "writeUnit", amount: 1_000_000 })).toBeCloseTo(0.625, 10);
    expect(dollarsOf({ price: "lambdaGbSecond", amount: 3_750 })).toBeCloseTo(0.05, 5);
    expect(dollarsOf({ price: "streamRead", amount: 1e9 })).toBe(0);
  });

  it("a million webhooks add up to the amounts computed by hand", () => {
    const of = (part: string) => totalOf(billOfBridge(at(100), "http-api").filter((line) => line.part === part));
    expect(of("Table: writes")).toBeCloseTo(1.25, 10);
    // 4 shards are polled 4 times a second: 6.25 deliveries share a page of 400 + 5.25 × 100 bytes, which is one unit.
    expect(of("List pages: writes")).toBeCloseTo(0.625 / 6.25, 10);
    expect(of("List pages: storage")).toBeCloseTo(((925 + 100) / 6.25) * 3 * 0.00025, 10);
    // A slot of 30,000 deliveries has two writes of its state, and a sixteenth of a kilobyte for each delivery.
    expect(of("Lookups: writes")).toBeCloseTo((0.8 + 2 / 30_000 + 2 / 360_000 + 2 / 16) * 0.625, 10);
    // Each page of 925 bytes is read once, and a state with it, at 4 KB for each unit.
    expect(of("Lookups: reads")).toBeCloseTo((2 / 6.25 + 925 / 6.25 / 4_096 + 64 / 4_096) * 0.125, 10);
    // (1,400 + 100) bytes × a million = 1.5 GB, for 3 months, at 0.25 and 0.20.
    expect(of("Table: storage")).toBeCloseTo(1.125, 10);
    expect(of("Table: point-in-time recovery")).toBeCloseTo(0.9, 10);
    // (0.33 + 0.7 + 0.01 × 36) ms of a core at 1,024 of 1,769 MB, and 5 ms: 7.401 ms × 1 GB × a million × 0.0000133334.
    expect(of("Lambda `receive`: time")).toBeCloseTo(0.09868, 4);
    // 1 GB received at 0.10, and 3 GB-months at 0.023.
    expect(of("EventBridge: archive")).toBeCloseTo(0.169, 10);
  });

  it("the bill of the usual construction contains the claim's two units in addition to the audit's", () => {
    const writes = (packsAudit: boolean) =>
      totalOf(billOfUsual(at(1), { packsAudit }).filter(({ part }) => part === "Table: writes"));
    expect(writes(false)).toBeCloseTo(6 * 0.625, 10);
    expect(writes(true)).toBeCloseTo(4 * 0.625, 10);
  });

  it("the bill of an action contains three queue requests for each message and the measured units", () => {
    const lines = billOfAction(ACTION_COSTS.tekton);
    expect(lines.find(({ price }) => price === "queueRequest")?.amount).toBe(3_000_000 * ACTION_COSTS.tekton.messages);
    const written = lines.filter(({ price }) => price === "writeUnit").reduce((sum, { amount }) => sum + amount, 0);
    expect(written).toBe(1_000_000 * (ACTION_COSTS.tekton.tableUnits + ACTION_COSTS.tekton.indexUnits));
  });

  it("the bill of a function URL lacks the price of the HTTP API and of its log", () => {
    const saved = totalOf(billOfBridge(at(1), "http-api")) - totalOf(billOfBridge(at(1), "function-url"));
    expect(saved).toBeCloseTo(1 + 0.26 * PRICES.logged.dollars, 10);
  });

  it("traces are billed separately: all of one call a second, and fewer of each further one", () => {
    for (const lines of [
      billOfBridge(at(1), "http-api"),
      billOfUsual(at(1), { packsAudit: false }),
      standingBill({ alarms: 2, metrics: 3 }),
    ])
      expect(lines.filter(({ price }) => price === "trace")).toEqual([]);
    const tracing = (perSecond: number) => billOfTracing(at(perSecond)).map((line) => totalOf([line]));
    expect(tracing(1)).toEqual([5, 5]);
    // 1 and a twentieth of 99, of 100: 5.95 %, at 5. The relay is called 16 times a second: 1 and a twentieth of 15.
    expect(tracing(100)[0]).toBeCloseTo(0.2975, 10);
    expect(tracing(100)[1]).toBeCloseTo(0.0875, 10);
    expect([0.2, 1].map(tracedShareAt)).toEqual([1, 1]);
    expect(tracedShareAt(10_000)).toBeCloseTo(0.0501, 4);
  });
});

describe("the relay", () => {
  it("the relay is called for each delivery at a low rate, and for full batches at a high rate", () => {
    expect(relayingOf(at(1))).toMatchObject({ shards: 4, callsPerSecond: 1, busCallsPerSecond: 1 });
    // 20,000 units a second are 20 partitions, of 500 deliveries each: five batches of a hundred, in ten calls each.
    expect(relayingOf(at(10_000))).toMatchObject({ shards: 20, callsPerSecond: 100, busCallsPerSecond: 1_000 });
  });

  it("the relay never makes more calls than there are deliveries, nor publishes more than ten events in one call", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 1e5, noNaN: true }), (perSecond) => {
        const { busCallsPerSecond, callsPerSecond } = relayingOf(at(perSecond));
        expect(busCallsPerSecond * 10).toBeGreaterThanOrEqual(perSecond * 0.999_999);
        expect(callsPerSecond).toBeLessThanOrEqual(perSecond * 1.000_001);
      }),
    );
  });
});
