import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EpochMillis, epochMillis, laterBy } from "../../shared/host/clock.ts";
import { Fault } from "../../shared/host/fault.ts";
import type { BridgeEvent } from "../../shared/model/event.ts";
import { hasTerms, type Term, termOf } from "../../shared/model/lookup-terms.ts";
import type { DeliverySummary, RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import type { SlotCounts } from "../../shared/store/counters.ts";
import { DeliveryStore } from "../../shared/store/deliveries.ts";
import { byPosition, type DeliveryPosition, pagesOf } from "../../shared/store/list-pages.ts";
import { openMemoryTable } from "../../shared/store/sqlite/open.ts";
import { collect } from "../../shared/store/streams.ts";
import type { Table } from "../../shared/store/table.ts";
import { propertyCases } from "../support/property-cases.ts";
import { sampleDelivery, samplePageEvent } from "../support/samples.ts";
import { type TestDatabase, tableKinds } from "../support/stores.ts";

/** Shortly before midnight, so that histories go over the end of a day. */
const START = epochMillis(Date.parse("2026-11-02T23:59:00Z"));
const DAY_MS = 86_400_000;
const RETENTION = { retentionDays: 30 };
const OUTCOMES = ["event", "ignored", "unusable", "refused", "audit"] as const;

const titleOf = ({ name, missing }: { readonly name: string; readonly missing: string | undefined }): string =>
  missing === undefined ? name : `${name}: left out, ${missing}`;

const facts = { keyParts: ["1"], time: "2026-11-02T08:59:59.000Z", subject: "s" };
const EVENTS: readonly BridgeEvent[] = [
  { ...samplePageEvent(), page: { ...samplePageEvent().page, title: "Release Notes" } },
  {
    ...facts,
    type: "code.pushed",
    actor: { id: "58", name: "Ines Okafor" },
    code: {
      project: "platform/docs",
      ref: "refs/heads/main",
      name: "main",
      change: "updated",
      commit: `abc0123${"4".repeat(33)}`,
      commits: [{ id: `abc0123${"5".repeat(33)}`, message: "m" }],
      commitCount: 1,
    },
  },
  {
    ...facts,
    type: "build.running",
    build: {
      system: "gitlab",
      id: "9",
      number: 341,
      pipeline: "platform/docs",
      state: "running",
      branch: "main",
      change: { id: "12", targetProject: "platform/docs" },
    },
  },
  samplePageEvent(3),
];

/** What happens to the deliveries, each by its number. */
type Step =
  | { readonly do: "record"; readonly ageMs: number }
  | { readonly do: "list"; readonly which: readonly number[] }
  | { readonly do: "relayed" | "repeat"; readonly which: number };

const which = fc.nat({ max: 30 });
const ages = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -50, max: 50 }) },
  fc.integer({ min: -70_000, max: 70_000 }),
  fc.constantFrom(-3 * DAY_MS, -DAY_MS, 0, DAY_MS),
);
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: ages.map((ageMs): Step => ({ do: "record", ageMs })) },
  {
    weight: 3,
    arbitrary: fc.array(which, { minLength: 1, maxLength: 12 }).map((all): Step => ({ do: "list", which: all })),
  },
  { weight: 2, arbitrary: which.map((one): Step => ({ do: "relayed", which: one })) },
  which.map((one): Step => ({ do: "repeat", which: one })),
);

/** What happened to the deliveries of a history, and what the list has to show of it. */
class History {
  readonly #store: DeliveryStore;
  readonly #markUnrelayed: boolean;
  readonly #recorded: RecordedDelivery[] = [];
  readonly #listed = new Set<string>();
  readonly #repeats = new Map<string, string>();

  constructor(table: Table, markUnrelayed: boolean) {
    this.#store = new DeliveryStore(table, { ...RETENTION, markUnrelayed });
    this.#markUnrelayed = markUnrelayed;
  }

  async run(step: Step): Promise<void> {
    if (step.do === "record") return this.#record(step.ageMs);
    if (step.do === "list") {
      const some = step.which.flatMap((one) => this.#recorded[one] ?? []);
      await this.#store.addToList(some);
      for (const { id } of some) this.#listed.add(id);
      return;
    }
    const delivery = this.#recorded[step.which];
    if (delivery === undefined) return;
    if (step.do === "repeat") {
      await this.#store.markRepeat(delivery.id, "d-first");
      this.#repeats.set(delivery.id, "d-first");
      this.#listed.add(delivery.id);
    } else if (this.#listed.has(delivery.id)) {
      // The relay removes the mark after it wrote the page.
      await this.#store.markRelayed(delivery.id, START);
    }
  }

  async #record(ageMs: number): Promise<void> {
    const n = this.#recorded.length;
    const outcome = OUTCOMES[n % OUTCOMES.length] ?? "event";
    const events = [EVENTS[n % EVENTS.length] ?? samplePageEvent(n)] as const;
    const delivery = { ...sampleDelivery(n, { receivedAt: laterBy(START, ageMs), outcome }), events };
    await this.#store.record(delivery);
    this.#recorded.push(delivery);
  }

  /** Ids, each with what it repeats. */
  expected(notBefore: EpochMillis, terms: readonly Term[]): readonly string[] {
    return this.#recorded
      .filter(({ id, receivedAt }) => receivedAt >= notBefore && (this.#markUnrelayed || this.#listed.has(id)))
      .filter((delivery) => hasTerms(delivery, terms))
      .sort(byPosition)
      .map(({ id }) => shown(id, this.#repeats.get(id)));
  }

  async listed(notBefore: EpochMillis, limit: number, terms: readonly Term[]): Promise<readonly string[]> {
    const found: string[] = [];
    let before: DeliveryPosition | undefined = { receivedAt: laterBy(START, 2 * DAY_MS), id: "~" };
    while (before !== undefined) {
      const page = await this.#store.list({ before, notBefore, limit, terms, scanLimit: 1_000, matches: () => true });
      found.push(...page.deliveries.map(({ id, repeats }) => shown(id, repeats)));
      before = page.next;
    }
    return found;
  }
}

const shown = (id: string, repeats: string | undefined): string => (repeats === undefined ? id : `${id} ${repeats}`);

/** Values that deliveries share, and pairs of which one begins or ends with the other. */
const TERMS: readonly Term[] = [
  termOf("commit", "abc0123"),
  termOf("commit", `ABC0123${"4".repeat(33)}`),
  termOf("branch", "main"),
  termOf("change", "12"),
  termOf("change", "platform/docs!12"),
  termOf("run", "341"),
  termOf("page", "98310"),
  termOf("title", "Release  Notes"),
  termOf("person", "Ines Okafor"),
  termOf("person", "nobody"),
  termOf("eventKey", "e-none"),
];

const histories = fc.record({
  terms: fc.uniqueArray(fc.constantFrom(...TERMS), { maxLength: 2 }),
  steps: fc.array(steps, { maxLength: 40 }),
  markUnrelayed: fc.boolean(),
  limit: fc.integer({ min: 1, max: 7 }),
  windowMs: fc.constantFrom(60, 70_000, 2 * DAY_MS, 10 * DAY_MS),
});

/** Within three hours around midnight, often at the end of a slot or hour. */
const countedAt = fc.oneof(
  fc.integer({ min: -5_400_000, max: 5_400_000 }),
  fc.constantFrom(-3_540_001, -3_540_000, -300_001, -240_000, -1, 0, 59_999, 60_000, 3_660_000),
);
const countedSources = fc.constantFrom("wiki", "a#b", "a");

const countedHistories = fc.record({
  batches: fc.array(
    fc.record({
      deliveries: fc.array(
        fc.record({ ageMs: countedAt, source: countedSources, outcome: fc.constantFrom(...OUTCOMES) }),
        { minLength: 1, maxLength: 12 },
      ),
      /** Of an earlier release: an item for each slot. */
      isEarlier: fc.boolean(),
      /** The write after which the process ends. The relay then lists the batch again. */
      endsAfter: fc.option(fc.nat({ max: 8 }), { nil: undefined, freq: 4 }),
    }),
    { minLength: 1, maxLength: 8 },
  ),
  from: countedAt,
  to: countedAt,
});

const slotAt = (ageMs: number): number => Math.floor((START + ageMs) / 300_000) * 300_000;

/** Counts a delivery as earlier releases did, which had an item for each slot. */
async function countAsEarlier(table: Table, slot: number, { source, outcome }: { source: string; outcome: string }) {
  const key = { pk: `count#${new Date(slot).toISOString().slice(0, 10)}`, sk: `${slot}#${source}` };
  const condition = { field: "never", is: "absent" } as const;
  await table.change(key, { condition, add: { [outcome]: 1 }, set: { expiresAt: 4_000_000_000 } });
}

const countsOf = async (store: DeliveryStore, from: EpochMillis, to: EpochMillis): Promise<readonly SlotCounts[]> =>
  (await collect(store.counts(from, to), (day) => day)).flat();

/** A table whose process ends after so many writes. */
function endingTable(table: Table, endsAfter: number | undefined): Table {
  let left = endsAfter ?? Number.POSITIVE_INFINITY;
  const write = <T>(work: () => Promise<T>): Promise<T> => {
    left -= 1;
    return left < 0 ? Promise.reject(new Fault("store_unavailable", "ended", { retryable: true })) : work();
  };
  return {
    create: (item) => write(() => table.create(item)),
    put: (item) => write(() => table.put(item)),
    change: (key, change) => write(() => table.change(key, change)),
    get: (key) => table.get(key),
    select: (selection) => table.select(selection),
  };
}

/** Lists each batch, repeats it, and compares each count with the deliveries. */
async function checkCounts(
  table: Table,
  { batches, from, to }: typeof countedHistories extends fc.Arbitrary<infer H> ? H : never,
) {
  const [least, most] = [new Map<string, number>(), new Map<string, number>()];
  let n = 0;
  for (const { deliveries, isEarlier, endsAfter } of batches) {
    const made = deliveries.map(({ ageMs, ...rest }) => {
      n += 1;
      return sampleDelivery(n, { receivedAt: laterBy(START, ageMs), ...rest });
    });
    if (isEarlier) for (const one of made) await countAsEarlier(table, slotAt(one.receivedAt - START), one);
    else {
      const ending = new DeliveryStore(endingTable(table, endsAfter), { ...RETENTION, markUnrelayed: false });
      await ending.addToList(made).catch(() => undefined);
      const next = new DeliveryStore(table, { ...RETENTION, markUnrelayed: false });
      for (let time = 0; time < 2; time++) await next.addToList(made);
    }
    for (const one of made) {
      const slot = slotAt(one.receivedAt - START);
      if (slot < slotAt(from) || slot > slotAt(to)) continue;
      const key = `${slot} ${one.source} ${one.outcome}`;
      most.set(key, (most.get(key) ?? 0) + 1);
      // A process that ended between the page and the count leaves the count too low.
      if (isEarlier || endsAfter === undefined) least.set(key, (least.get(key) ?? 0) + 1);
    }
  }
  const counted = new Map<string, number>();
  let last = 0;
  const store = new DeliveryStore(table, { ...RETENTION, markUnrelayed: false });
  for (const { slot, source, counts } of await countsOf(store, laterBy(START, from), laterBy(START, to))) {
    expect(slot).toBeGreaterThanOrEqual(last);
    last = slot;
    for (const outcome of OUTCOMES) {
      const key = `${slot} ${source} ${outcome}`;
      if (counts[outcome] > 0) counted.set(key, (counted.get(key) ?? 0) + counts[outcome]);
    }
  }
  for (const [key, count] of counted) expect(count, key).toBeLessThanOrEqual(most.get(key) ?? 0);
  for (const [key, count] of least) expect(counted.get(key) ?? 0, key).toBeGreaterThanOrEqual(count);
}

describe("the list of deliveries", () => {
  it("the counts of any range are those of its slots, also late, again, of an earlier release, and after an end between", async () => {
    await fc.assert(
      fc.asyncProperty(countedHistories, async (history) => {
        const { table, close } = openMemoryTable();
        await checkCounts(table, history);
        close();
      }),
      propertyCases("histories of counts", { weight: 10 }),
    );
  });

  it("has each delivery once, newest first, in pages of any size, and a look-up finds exactly those with its terms", async () => {
    await fc.assert(
      fc.asyncProperty(histories, async ({ steps: all, markUnrelayed, limit, windowMs, terms }) => {
        const { table, close } = openMemoryTable();
        const history = new History(table, markUnrelayed);
        for (const step of all) await history.run(step);
        const notBefore = laterBy(START, -windowMs);
        expect(await history.listed(notBefore, limit, terms)).toEqual(history.expected(notBefore, terms));
        close();
      }),
      propertyCases("histories of the list", { weight: 2.5 }),
    );
  });

  for (const kind of tableKinds) {
    describe.skipIf(kind.missing !== undefined)(`on ${titleOf(kind)}`, () => {
      let database: TestDatabase;
      beforeAll(async () => {
        database = await kind.start();
      }, 60_000);
      afterAll(() => database?.stop());

      it("a few histories have the same result on every database", async () => {
        for (const { steps: all, ...options } of fc.sample(histories, { numRuns: 3, seed: 17 })) {
          const history = new History((await database.freshTable()).table, options.markUnrelayed);
          for (const step of all) await history.run(step);
          const notBefore = laterBy(START, -options.windowMs);
          const wanted = history.expected(notBefore, options.terms);
          expect(await history.listed(notBefore, options.limit, options.terms)).toEqual(wanted);
        }
      });

      it("a few histories of counts have the same result on every database", async () => {
        for (const history of fc.sample(countedHistories, { numRuns: 3, seed: 36 }))
          await checkCounts((await database.freshTable()).table, history);
      });

      it("each delivery is counted once for its source, outcome and five minutes, also if its batch is repeated", async () => {
        const { table } = await database.freshTable();
        const deliveries = new DeliveryStore(table, { ...RETENTION, markUnrelayed: false });
        const at = (n: number, minutes: number, changes: Partial<RecordedDelivery> = {}) =>
          sampleDelivery(n, { receivedAt: laterBy(START, minutes * 60_000), ...changes });
        const batch = [at(1, -5), at(2, 0), at(3, 0, { source: "a#b", outcome: "refused" }), at(4, 2)];
        for (let time = 0; time < 2; time++) await deliveries.addToList(batch);
        await deliveries.record(at(2, 0));
        await deliveries.markRepeat(at(2, 0).id, "d-first");
        await deliveries.addToList([at(5, 0)]);
        const counted = async (from: number, to: number): Promise<readonly string[]> => {
          const found: string[] = [];
          const range = [laterBy(START, from), laterBy(START, to)] as const;
          for (const { slot, source, counts } of await countsOf(deliveries, ...range))
            found.push(`${new Date(slot).toISOString().slice(8, 16)} ${source} ${counts.event} ${counts.refused}`);
          return found;
        };
        const late = ["02T23:55 a#b 0 1", "02T23:55 wiki 2 0"];
        expect(await counted(-DAY_MS, DAY_MS)).toEqual(["02T23:50 wiki 1 0", ...late, "03T00:00 wiki 1 0"]);
        expect(await counted(0, 0)).toEqual(late);
        expect(await counted(-2_000 * DAY_MS, -DAY_MS)).toEqual([]);
      });

      it("a delivery without the mark is listed when it is added, and is found by its id before", async () => {
        const { table } = await database.freshTable();
        const deliveries = new DeliveryStore(table, { ...RETENTION, markUnrelayed: false });
        const query = {
          before: { receivedAt: laterBy(START, DAY_MS), id: "~" },
          notBefore: START,
          limit: 5,
          scanLimit: 5,
        };
        const delivery = sampleDelivery(1, { receivedAt: START });
        await deliveries.record(delivery);
        expect(await deliveries.get(delivery.id)).toEqual(delivery);
        expect(await deliveries.list({ ...query, matches: () => true })).toEqual({ deliveries: [] });
        await deliveries.addToList([delivery]);
        const { deliveries: listed } = await deliveries.list({ ...query, matches: () => true });
        expect(listed.map(({ id }) => id)).toEqual([delivery.id]);
      });
    });
  }
});

describe("list pages", () => {
  const many = (count: number, apartMs: number, what = "page.updated"): readonly DeliverySummary[] =>
    Array.from({ length: count }, (_, n) => ({ ...sampleDelivery(n), what, receivedAt: laterBy(START, -n * apartMs) }));

  it.each([
    ["a hundred deliveries of one instant share a page", many(100, 0), 1],
    ["one more takes another page", many(101, 0), 2],
    ["deliveries of two days never share a page", many(2, 86_400), 2],
    ["deliveries that are more than a minute apart never share a page", many(3, 40_000), 2],
    ["nothing needs no page", many(0, 0), 0],
  ])("%s", (_, deliveries, pages) => {
    expect(pagesOf(deliveries, RETENTION)).toHaveLength(pages);
  });

  it("a page that would be too large for an item is divided", () => {
    const random = Array.from({ length: 9_000 }, (_, at) => String.fromCharCode(0x4e00 + ((at * 7_919) % 20_000))).join(
      "",
    );
    const pages = pagesOf(
      many(100, 0).map((one, at) => ({ ...one, subject: `${random.slice(at * 31)}${random.slice(0, at * 31)}` })),
      RETENTION,
    );
    expect(pages.length).toBeGreaterThan(1);
    for (const { page } of pages) expect((page["content"] as Uint8Array).length).toBeLessThanOrEqual(300_000);
  });

  it("a batch that is written again has the same keys, and another one never has", () => {
    const keysOf = (deliveries: readonly DeliverySummary[]) =>
      pagesOf(deliveries, RETENTION).map(({ page }) => page.sk);
    const batch = many(10, 3);
    expect(keysOf([...batch].reverse())).toEqual(keysOf(batch));
    expect(keysOf(batch.slice(0, 9))).not.toEqual(keysOf(batch));
  });
});
