import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EpochMillis, epochMillis, laterBy } from "../../shared/host/clock.ts";
import { Fault } from "../../shared/host/fault.ts";
import { hasTerms, type ListedDelivery, type Term, termOf, termText } from "../../shared/model/lookup-terms.ts";
import { DeliveryStore } from "../../shared/store/deliveries.ts";
import { byPosition, type DeliveryPosition } from "../../shared/store/list-pages.ts";
import { SLOT_MS } from "../../shared/store/postings.ts";
import { openMemoryTable } from "../../shared/store/sqlite/open.ts";
import { beginningWith, type Item, type Selection, type Table } from "../../shared/store/table.ts";
import { propertyCases } from "../support/property-cases.ts";
import { sampleDelivery } from "../support/samples.ts";
import { type TestDatabase, tableKinds } from "../support/stores.ts";

/** The beginning of a slot, ten minutes before the end of a day. */
const START = epochMillis(Date.parse("2026-11-02T23:50:00Z"));
const RETENTION = { retentionDays: 30, markUnrelayed: false };
const HOUR_MS = 3_600_000;
/** The hour that START is in, and a time after START at which its index is due. */
const HOUR = START - 3_000_000;
const NEXT_HOUR_MS = 670_000;

/** The list of deliveries in a process of its own: what it remembers is lost with it. */
const processOn = (table: Table): DeliveryStore => new DeliveryStore(table, RETENTION);

/** A table whose calls take turns of different length, and of which one write fails: it takes effect, or not. */
function faultyTable(
  table: Table,
  turns: readonly number[],
  selected: (selection: Selection) => void = () => undefined,
) {
  let calls = 0;
  const fault = { afterWrites: Number.POSITIVE_INFINITY, takesEffect: false };
  const wait = async (): Promise<void> => {
    calls += 1;
    for (let turn = turns[calls % turns.length] ?? 0; turn > 0; turn--) await nextTurn();
  };
  const write = async <T>(work: () => Promise<T>): Promise<T> => {
    await wait();
    fault.afterWrites -= 1;
    if (fault.afterWrites !== 0) return work();
    if (fault.takesEffect) await work();
    throw new Fault("store_unavailable", "the process ended", { retryable: true });
  };
  const faulty: Table = {
    create: (item) => write(() => table.create(item)),
    put: (item) => write(() => table.put(item)),
    change: (key, change) => write(() => table.change(key, change)),
    get: async (key) => {
      await wait();
      return table.get(key);
    },
    async *select(selection): AsyncGenerator<Item> {
      await wait();
      selected(selection);
      yield* table.select(selection);
    },
  };
  return { table: faulty, fault };
}

interface Batch {
  /** Of each delivery, in milliseconds after the start, within a few seconds, and what it has. */
  readonly atMs: number;
  readonly values: readonly number[];
  readonly process: 0 | 1;
  /** The write at which the process ends; it is then repeated by a new one. */
  readonly endsAfter: number | undefined;
  readonly takesEffect: boolean;
  /** Whether the next batch is written at the same time. */
  readonly isConcurrent: boolean;
}

/** Some batches are late: their slots have an index already. */
const batches: fc.Arbitrary<readonly Batch[]> = fc.array(
  fc.record({
    atMs: fc.oneof(
      fc.integer({ min: 0, max: 3 * SLOT_MS }),
      fc.constantFrom(SLOT_MS - 2, 2 * SLOT_MS - 1, 2 * SLOT_MS),
    ),
    values: fc.array(fc.nat({ max: 20 }), { minLength: 30, maxLength: 40 }),
    process: fc.constantFrom(0 as const, 1 as const),
    endsAfter: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined, freq: 3 }),
    takesEffect: fc.boolean(),
    isConcurrent: fc.boolean(),
  }),
  { minLength: 4, maxLength: 10 },
);

const histories = fc.record({
  batches,
  turns: fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 7 }),
  limit: fc.integer({ min: 3, max: 40 }),
});

const COMMON = termOf("branch", "main");
const WANTED: readonly Term[] = [
  COMMON,
  ...[0, 7, 20].flatMap((value) => [
    termOf("commit", commitOf(value).slice(0, 7)),
    termOf("change", String(value)),
    termOf("trace", traceOf(value)),
  ]),
  termOf("commit", commitOf(21)),
  termOf("trace", traceOf(21)),
];

function commitOf(value: number): string {
  return String(value).padStart(2, "0").repeat(20);
}
function traceOf(value: number): string {
  return String(value).padStart(32, "0");
}

function deliveryAt(n: number, receivedAt: EpochMillis, value: number): ListedDelivery {
  const { id, source, principal, outcome, what } = sampleDelivery(n);
  const terms = [
    termOf("commit", commitOf(value)),
    termOf("change", `p-${n % 3}!${value}`),
    termOf("trace", traceOf(value)),
    ...(value % 2 === 0 ? [COMMON] : []),
  ];
  return { id, source, principal, outcome, what, receivedAt, terms: terms.map(termText) };
}

type HistoryOf<T> = T extends fc.Arbitrary<infer H> ? H : never;

/** Which deliveries a history has listed, and which it may have. */
class Model {
  readonly listed = new Map<string, ListedDelivery>();
  readonly attempted = new Map<string, ListedDelivery>();

  async check(store: DeliveryStore, limit: number): Promise<void> {
    for (const term of WANTED) {
      const found = await lookedUp(store, term, limit);
      const of = (all: ReadonlyMap<string, ListedDelivery>) =>
        [...all.values()]
          .filter((one) => hasTerms(one, [term]))
          .sort(byPosition)
          .map(({ id }) => id);
      const listed = of(this.listed);
      const known = new Set(listed);
      expect(
        found.filter((id) => known.has(id)),
        termText(term),
      ).toEqual(listed);
      const possible = new Set(of(this.attempted));
      expect(
        found.filter((id) => !known.has(id) && !possible.has(id)),
        termText(term),
      ).toEqual([]);
      expect(new Set(found).size).toBe(found.length);
    }
  }
}

/** All pages of a look-up. Some requests have no time, and still gets on. */
async function lookedUp(store: DeliveryStore, term: Term, limit: number): Promise<readonly string[]> {
  const found: string[] = [];
  let before: DeliveryPosition | undefined = { receivedAt: laterBy(START, 3 * HOUR_MS), id: "~" };
  for (let request = 0; before !== undefined; request++) {
    const page = await store.list({
      before,
      notBefore: laterBy(START, -HOUR_MS),
      limit,
      terms: [term],
      scanLimit: Number.POSITIVE_INFINITY,
      hasTime: () => request % 3 !== 0,
      matches: () => true,
    });
    if (page.next !== undefined) expect(byPosition(before, page.next)).toBeLessThan(0);
    found.push(...page.deliveries.map(({ id }) => id));
    before = page.next;
  }
  return found;
}

async function runHistory(table: Table, { batches: all, turns, limit }: HistoryOf<typeof histories>) {
  const { table: faulty, fault } = faultyTable(table, turns);
  const processes = [processOn(faulty), processOn(faulty)];
  const model = new Model();
  let n = 0;
  const write = async ({ atMs, values, process, endsAfter, takesEffect }: Batch): Promise<void> => {
    const deliveries = values.map((value, at) => {
      n += 1;
      return deliveryAt(n, laterBy(START, atMs + at * 37), value);
    });
    for (const one of deliveries) model.attempted.set(one.id, one);
    Object.assign(fault, { afterWrites: endsAfter ?? Number.POSITIVE_INFINITY, takesEffect });
    try {
      await processes[process]?.addToList(deliveries);
    } catch {
      fault.afterWrites = Number.POSITIVE_INFINITY;
      await model.check(processOn(faulty), limit);
      processes[process] = processOn(faulty);
      // A process that begins again may share its batch otherwise.
      await processes[process]?.addToList(deliveries.slice(1));
      await processes[process]?.addToList(deliveries);
    }
    for (const one of deliveries) model.listed.set(one.id, one);
  };
  for (let at = 0; at < all.length; at++) {
    const [one, next] = [all[at], all[at + 1]];
    if (one === undefined) continue;
    if (one.isConcurrent && next !== undefined) {
      at += 1;
      await Promise.all([one, next].map((batch) => write({ ...batch, endsAfter: undefined })));
    } else await write(one);
  }
  // An hour later every slot that is large enough gets its index.
  fault.afterWrites = Number.POSITIVE_INFINITY;
  await write({
    atMs: HOUR_MS,
    values: [1],
    process: 0,
    endsAfter: undefined,
    takesEffect: false,
    isConcurrent: false,
  });
  await model.check(processOn(table), limit);
  return model;
}

describe("a look-up by the indexes of slots and hours", () => {
  it("finds what a filter of all deliveries finds, whoever writes late, at once, again, or ends between two writes", async () => {
    let [indexed, hours, lateInHours] = [0, 0, 0];
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        const { table, close } = openMemoryTable();
        await runHistory(table, history);
        indexed += await completeIndexes(table);
        hours += await completeIndexes(table, "hour");
        for await (const _ of table.select({ partition: `hour#${HOUR}`, ...beginningWith("late#") })) lateInHours += 1;
        close();
      }),
      propertyCases("histories of indexes", { weight: 25 }),
    );
    expect(indexed).toBeGreaterThan(0);
    expect(hours).toBeGreaterThan(0);
    expect(lateInHours).toBeGreaterThan(0);
  }, 120_000);

  for (const kind of tableKinds) {
    const title = kind.missing === undefined ? kind.name : `${kind.name}: left out, ${kind.missing}`;
    describe.skipIf(kind.missing !== undefined)(`on ${title}`, () => {
      let database: TestDatabase;
      beforeAll(async () => {
        database = await kind.start();
      }, 60_000);
      afterAll(() => database?.stop());

      it("a history has the same result on every database", async () => {
        let indexed = 0;
        for (const history of fc.sample(histories, { numRuns: 1, seed: 18 })) {
          const { table } = await database.freshTable();
          await runHistory(table, history);
          indexed += await completeIndexes(table);
        }
        expect(indexed).toBeGreaterThan(0);
      }, 120_000);

      it("a delivery of an indexed slot is found with one read of a page, and one that came later too", async () => {
        const { table } = await database.freshTable();
        const store = processOn(table);
        for (let n = 0; n < 60; n++) await store.addToList([deliveryAt(n, laterBy(START, n * 100), n % 20)]);
        await store.addToList([deliveryAt(60, laterBy(START, 2 * SLOT_MS), 1)]);
        await processOn(table).addToList([deliveryAt(61, laterBy(START, 50), 33)]);
        expect(await completeIndexes(table)).toBe(1);
        const partitions: string[] = [];
        const { table: watched } = faultyTable(table, [0], ({ partition }) => {
          if (partition.startsWith("list#")) partitions.push(partition);
        });
        expect(await lookedUp(processOn(watched), termOf("commit", commitOf(33)), 9)).toHaveLength(1);
        expect(partitions).toHaveLength(1);
        expect(await lookedUp(processOn(table), termOf("trace", traceOf(33)), 9)).toHaveLength(1);
        expect(await lookedUp(processOn(table), termOf("commit", commitOf(7)), 2)).toHaveLength(3);
      }, 60_000);

      it("an hour that is over is looked up in its index alone, with what came later", async () => {
        const { table } = await database.freshTable();
        await fillHour(processOn(table));
        await processOn(table).addToList([deliveryAt(80, laterBy(START, NEXT_HOUR_MS), 1)]);
        // Two slots have enough for an index, and the third one has not.
        expect(await completeIndexes(table)).toBe(1);
        expect(await completeIndexes(table, "hour")).toBe(1);
        await processOn(table).addToList([deliveryAt(81, laterBy(START, 50), 33)]);
        const slots: string[] = [];
        const { table: watched } = faultyTable(table, [0], ({ partition }) => {
          if (/^(index#\d{13}|list#2026-11-02)/.test(partition)) slots.push(partition);
        });
        for (const term of [termOf("commit", commitOf(33)), termOf("trace", traceOf(33))]) {
          slots.length = 0;
          const found = await processOn(watched).list({ ...QUERY, terms: [term] });
          expect(found.deliveries.map(({ id }) => id)).toEqual([deliveryAt(81, START, 33).id]);
          expect(slots).toEqual([expect.stringMatching(/^list/)]);
        }
        expect(await lookedUp(processOn(table), termOf("trace", traceOf(3)), 3)).toHaveLength(4);
        expect(await lookedUp(processOn(table), COMMON, 7)).toHaveLength(40);
      }, 60_000);
    });
  }

  it("pages that have expired are not found, and their index does no harm", async () => {
    const { table, close } = openMemoryTable();
    const store = processOn(table);
    const early = Array.from({ length: 60 }, (_, n) => deliveryAt(n, laterBy(START, n * 10), 0));
    const late = deliveryAt(60, laterBy(START, 12 * HOUR_MS), 0);
    await store.addToList(early);
    await store.addToList([deliveryAt(61, laterBy(START, 2 * SLOT_MS), 1)]);
    await store.addToList([late]);
    expect(await completeIndexes(table)).toBe(1);
    await table.deleteExpired(laterBy(START, 30 * 24 * HOUR_MS + HOUR_MS), 10_000);
    expect(await completeIndexes(table)).toBe(1);
    const query = { limit: 5, scanLimit: 100, matches: () => true, terms: [termOf("commit", commitOf(0))] };
    const found = await store.list({
      ...query,
      before: { receivedAt: laterBy(START, 24 * HOUR_MS), id: "~" },
      notBefore: epochMillis(0),
    });
    expect(found.deliveries.map(({ id }) => id)).toEqual([late.id]);
    close();
  });

  it("at whichever write a process ends, each delivery is found, and the next process makes the index", async () => {
    for (let endsAfter = 1; endsAfter <= 12; endsAfter++) {
      const { table, close } = openMemoryTable();
      const { table: faulty, fault } = faultyTable(table, [0]);
      const first = processOn(faulty);
      for (let n = 0; n < 60; n++) await first.addToList([deliveryAt(n, laterBy(START, n * 100), n % 20)]);
      Object.assign(fault, { afterWrites: endsAfter, takesEffect: false });
      await first.addToList([deliveryAt(60, laterBy(START, 2 * SLOT_MS), 1)]).catch(() => undefined);
      for (const term of [termOf("commit", commitOf(3)), termOf("trace", traceOf(3))]) {
        expect(await lookedUp(processOn(table), term, 9), `write ${endsAfter}`).toHaveLength(3);
        await processOn(table).addToList([deliveryAt(61, laterBy(START, 2 * SLOT_MS + 1), 1)]);
        expect(await completeIndexes(table), `write ${endsAfter}`).toBe(1);
        expect(await lookedUp(processOn(table), term, 9), `write ${endsAfter}`).toHaveLength(3);
      }
      close();
    }
  });

  it("at whichever write a process ends that makes the index of an hour, the next one makes it", async () => {
    for (let endsAfter = 1; endsAfter <= 20; endsAfter++) {
      const { table, close } = openMemoryTable();
      const { table: faulty, fault } = faultyTable(table, [0]);
      const first = processOn(faulty);
      await fillHour(first);
      Object.assign(fault, { afterWrites: endsAfter, takesEffect: endsAfter % 2 === 0 });
      await first.addToList([deliveryAt(80, laterBy(START, NEXT_HOUR_MS), 1)]).catch(() => undefined);
      for (let later = 0; later < 2; later++) {
        for (const term of [termOf("commit", commitOf(3)), termOf("trace", traceOf(3))])
          expect(await lookedUp(processOn(table), term, 9), `write ${endsAfter}`).toHaveLength(4);
        await processOn(table).addToList([deliveryAt(81, laterBy(START, NEXT_HOUR_MS + 1), 1)]);
        expect(await completeIndexes(table, "hour"), `write ${endsAfter}`).toBe(1);
      }
      close();
    }
  });
});

const QUERY = {
  before: { receivedAt: laterBy(START, NEXT_HOUR_MS - 120_000), id: "~" },
  notBefore: laterBy(START, -HOUR_MS / 2),
  limit: 9,
  scanLimit: Number.POSITIVE_INFINITY,
  matches: () => true,
};

/** Sixty deliveries in one slot of the hour, and twenty in the next one. */
async function fillHour(store: DeliveryStore): Promise<void> {
  for (let n = 0; n < 80; n++)
    await store.addToList([deliveryAt(n, laterBy(START, n < 60 ? n * 100 : SLOT_MS + n * 100), n % 20)]);
}

/** How many slots, or hours, have an index that look-ups use. */
async function completeIndexes(table: Table, name: "index" | "hour" = "index"): Promise<number> {
  let complete = 0;
  for (const day of ["2026-11-02", "2026-11-03"])
    for await (const state of table.select({ partition: `${name}#${day}` }))
      if (state["complete"] !== undefined) complete += 1;
  return complete;
}
