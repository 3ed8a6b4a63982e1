import { setImmediate as nextTurn } from "node:timers/promises";
import { type EpochMillis, epochMillis, laterBy, toIso } from "../host/clock.ts";
import { type Term, termText } from "../model/lookup-terms.ts";
import type { Counters } from "./counters.ts";
import { expiryOf, number, padTime, type Retention } from "./fields.ts";
import {
  contentOf,
  entriesIn,
  entriesOfPage,
  type IndexEntries,
  movedBy,
  numberOfTerm,
  partsOf,
  placesIn,
  sortedOnce,
} from "./index-entries.ts";
import { TABLE } from "./key-schema.ts";
import {
  type ListPage,
  PAGE_SPAN_MS,
  type PagePlace,
  pageItemsBetween,
  pagePlaceOf,
  termsOnPage,
} from "./list-pages.ts";
import { SLOT_MS } from "./postings.ts";
import { collect } from "./streams.ts";
import { beginningWith, type Item, type ItemKey, type Table } from "./table.ts";

/** A time with fewer deliveries is read page by page, which takes as long as its index. */
export const MIN_DELIVERIES = 50;
/**
 * A time with more entries gets no index: whoever makes it holds all of them. A slot with a thousand deliveries a second has
 * fewer, and an hour with a hundred.
 */
const MAX_ENTRIES = 2_000_000;
/** Pages that are read before the event loop does other work. */
const PAGES_AT_ONCE = 16;
/** Items of an index that are written at once. */
const PUTS_AT_ONCE = 16;

export const HOUR_MS = 3_600_000;

interface PageIndexDeps extends Retention {
  readonly counters: Pick<Counters, "between">;
  /** Of which length the times are. */
  readonly spanMs: number;
  /** Begins the partitions of its items. */
  readonly name: string;
  /** All entries of a time that is over, or at least of the pages that are written; undefined if there are too many. */
  readonly entriesOf: (start: EpochMillis) => Promise<IndexEntries | undefined>;
}

/**
 * Which list pages of a time have which term. The index of a time is made once, when the time is over: until then, and if
 * whoever makes it ends too early, the time has none, and its pages are read.
 *
 * A page that is written later is not in the index, so its writer adds an item of its own. The item of the state decides who
 * does: the index is begun there before the pages are read, and a writer reads the state after it wrote the page. So the
 * one has read the page, or the other has seen the beginning. Every method throws `store_unavailable`.
 */
export class PageIndex {
  readonly spanMs: number;
  readonly #table: Table;
  readonly #deps: PageIndexDeps;

  constructor(table: Table, deps: PageIndexDeps) {
    this.#table = table;
    this.#deps = deps;
    this.spanMs = deps.spanMs;
  }

  /** The beginning of the time that an instant is in. */
  startOf(time: EpochMillis): EpochMillis {
    return epochMillis(Math.floor(time / this.spanMs) * this.spanMs);
  }

  /**
   * Makes the index of a time that is over, unless it is there, the time has few deliveries, or another process has begun.
   * `takesOver`: also if another process has begun, which may have ended.
   */
  async make(start: EpochMillis, { takesOver }: { readonly takesOver: boolean }): Promise<void> {
    const state = await this.#table.get(this.#stateKey(start));
    const begun = state === undefined ? 0 : number(state, "attempt");
    if (state?.["complete"] !== undefined || (begun > 0 && !takesOver)) return;
    const sums = await this.#deliveriesIn(start, laterBy(start, this.spanMs - 1));
    if ((sums.get(start) ?? 0) < MIN_DELIVERIES) return;
    const attempt = begun + 1;
    const isOurs = await this.#table.change(this.#stateKey(start), {
      condition: begun === 0 ? { field: "attempt", is: "absent" } : { field: "attempt", is: "=", value: begun },
      set: { attempt, ...(begun === 0 && { late: 0 }), expiresAt: this.#expiryOf(start) },
    });
    if (isOurs === undefined) return;
    const entries = await this.#deps.entriesOf(start);
    if (entries === undefined) return;
    const parts = [...partsOf(entries)];
    for (let at = 0; at < parts.length; at += PUTS_AT_ONCE)
      await Promise.all(
        parts
          .slice(at, at + PUTS_AT_ONCE)
          .map(({ first, content }) => this.#put(builtKey(attempt, first), content, start)),
      );
    // The index of any attempt is right, so a later one does no harm.
    await this.#table.change(this.#stateKey(start), { condition: BEGUN, set: { complete: attempt } });
  }

  /** The times of a range that should have an index and have none, or one that was not finished. */
  async missing(from: EpochMillis, to: EpochMillis): Promise<readonly EpochMillis[]> {
    const complete = new Set<number>();
    for await (const { start, state } of this.#states(from, to)) if (isComplete(state)) complete.add(start);
    const sums = await this.#deliveriesIn(from, to);
    return [...sums].flatMap(([start, sum]) => (sum >= MIN_DELIVERIES && !complete.has(start) ? [start] : []));
  }

  /** Adds pages that were written just now to the indexes that do not have them. */
  async addLate(pages: readonly ListPage[]): Promise<void> {
    const starts = new Set(pages.flatMap(({ deliveries }) => deliveries.map((one) => this.startOf(one.receivedAt))));
    await Promise.all(
      [...starts].map(async (start) => {
        if ((await this.#table.get(this.#stateKey(start))) === undefined) return;
        await Promise.all(
          pages.map(async ({ page, deliveries }) => {
            const ofTime = deliveries.filter(({ receivedAt }) => this.startOf(receivedAt) === start);
            const entries = entriesOfPage(
              start,
              pagePlaceOf(page),
              ofTime.flatMap(({ terms = [] }) => terms),
            );
            if (entries.length === 0) return;
            await this.#put(`${LATE}${page.pk}#${page.sk}`, contentOf(entries), start);
            await this.#table.change(this.#stateKey(start), { condition: BEGUN, set: { late: 1 } });
          }),
        );
      }),
    );
  }

  /** Where the pages of a time with a term are, the newest first; undefined if the time has no index. */
  async placesOf(start: EpochMillis, term: Term): Promise<readonly PagePlace[] | undefined> {
    const state = await this.#table.get(this.#stateKey(start));
    return state && isComplete(state) ? this.#placesIn(start, state, term) : undefined;
  }

  /** The times of a range that have an index, the newest first, each with what {@link placesOf} returns. */
  async *placesBetween(
    from: EpochMillis,
    to: EpochMillis,
    term: Term,
  ): AsyncGenerator<{ readonly start: EpochMillis; readonly places: readonly PagePlace[] }> {
    for await (const { start, state } of this.#states(from, to))
      if (isComplete(state)) yield { start, places: await this.#placesIn(start, state, term) };
  }

  /** All entries of the index of a time, with those of late pages; undefined if it has none. */
  async entriesOf(start: EpochMillis): Promise<readonly IndexEntries[] | undefined> {
    const state = await this.#table.get(this.#stateKey(start));
    if (state === undefined || !isComplete(state)) return undefined;
    const partition = this.#itemsOf(start);
    const built = beginningWith(`${BUILT}${number(state, "complete")}#`);
    return [
      ...(await collect(this.#table.select({ partition, ...built }), entriesIn)),
      ...(await collect(this.#table.select({ partition, ...beginningWith(LATE) }), entriesIn)),
    ];
  }

  /** Newest first. */
  async *#states(
    from: EpochMillis,
    to: EpochMillis,
  ): AsyncGenerator<{ readonly start: EpochMillis; readonly state: Item }> {
    const oldest = Math.max(dayOf(from), dayOf(to) - (this.#deps.retentionDays + 1) * DAY_MS);
    for (let day = dayOf(to); day >= oldest; day -= DAY_MS) {
      const partition = this.#stateKey(epochMillis(day)).pk;
      const range = { from: padTime(this.startOf(from)), to: padTime(to), newestFirst: true };
      for await (const state of this.#table.select({ partition, ...range }))
        yield { start: epochMillis(Number(state[TABLE.sortKey])), state };
    }
  }

  async #placesIn(start: EpochMillis, state: Item, term: Term): Promise<readonly PagePlace[]> {
    const wanted = numberOfTerm(termText(term));
    const partition = this.#itemsOf(start);
    const attempt = number(state, "complete");
    const built = {
      from: `${BUILT}${attempt}#`,
      to: builtKey(attempt, wanted),
      newestFirst: true,
      limit: 1,
    };
    const selections = [built, ...(state["late"] === 0 ? [] : [beginningWith(LATE)])];
    const found = await Promise.all(
      selections.map((one) =>
        collect(this.#table.select({ partition, ...one }), (item) => placesIn(item, wanted, start)),
      ),
    );
    return eachOnce(found.flat(2));
  }

  async #deliveriesIn(from: EpochMillis, to: EpochMillis): Promise<ReadonlyMap<EpochMillis, number>> {
    const sums = new Map<EpochMillis, number>();
    for await (const day of this.#deps.counters.between(from, to)) {
      for (const { slot, counts } of day) {
        const start = this.startOf(slot);
        const sum = Object.values(counts).reduce((total, count) => total + count, sums.get(start) ?? 0);
        sums.set(start, sum);
      }
    }
    return sums;
  }

  #put(sk: string, content: Uint8Array, start: EpochMillis): Promise<void> {
    return this.#table.put({ pk: this.#itemsOf(start), sk, expiresAt: this.#expiryOf(start), content });
  }

  #itemsOf(start: EpochMillis): string {
    return `${this.#deps.name}#${padTime(start)}`;
  }

  #stateKey(start: EpochMillis): ItemKey {
    return { pk: `${this.#deps.name}#${toIso(start).slice(0, 10)}`, sk: padTime(start) };
  }

  /** A day after the pages. */
  #expiryOf(start: EpochMillis): number {
    return expiryOf(laterBy(start, this.spanMs + PAGE_SPAN_MS + DAY_MS), this.#deps);
  }
}

type Shared = Pick<PageIndexDeps, "counters"> & Retention;

/** The indexes of slots, which are made from list pages. */
export const openSlotIndex = (table: Table, shared: Shared): PageIndex =>
  new PageIndex(table, {
    ...shared,
    spanMs: SLOT_MS,
    name: "index",
    entriesOf: async (slot) => {
      const entries = await entriesOnPages(table, slot);
      return entries && sortedOnce(entries);
    },
  });

/**
 * The indexes of hours, which are made from those of their slots. A look-up reads one instead of twelve. The pages of a slot
 * without an index are read, and so are the late pages of the others.
 */
export const openHourIndex = (table: Table, slots: PageIndex, shared: Shared): PageIndex =>
  new PageIndex(table, {
    ...shared,
    spanMs: HOUR_MS,
    name: "hour",
    entriesOf: async (hour) => {
      const parts: IndexEntries[] = [];
      let length = 0;
      for (let afterMs = 0; afterMs < HOUR_MS; afterMs += SLOT_MS) {
        const slot = laterBy(hour, afterMs);
        const entries = (await slots.entriesOf(slot)) ?? (await entriesOnPages(table, slot));
        length += entries?.reduce((sum, part) => sum + part.length, 0) ?? 0;
        if (entries === undefined || length > MAX_ENTRIES) return undefined;
        for (const part of entries) parts.push(movedBy(part, afterMs));
        await nextTurn();
      }
      return sortedOnce(parts);
    },
  });

/** Undefined if there are too many. */
async function entriesOnPages(table: Table, slot: EpochMillis): Promise<readonly IndexEntries[] | undefined> {
  const entries: IndexEntries[] = [];
  let length = 0;
  const end = laterBy(slot, SLOT_MS);
  // A page has a delivery of the slot if its newest one was received a little later.
  for await (const item of pageItemsBetween(table, slot, laterBy(end, PAGE_SPAN_MS))) {
    const part = entriesOfPage(slot, pagePlaceOf(item), termsOnPage(item, slot, end));
    length += part.length;
    if (entries.push(part) % PAGES_AT_ONCE === 0) await nextTurn();
    if (length > MAX_ENTRIES) return undefined;
  }
  return entries;
}

const DAY_MS = 86_400_000;
const LATE = "late#";
const BUILT = "built#";
const BEGUN = { field: "attempt", is: "present" } as const;

const dayOf = (time: EpochMillis): number => Math.floor(time / DAY_MS) * DAY_MS;
const builtKey = (attempt: number, term: number): string => `${BUILT}${attempt}#${term.toString(16).padStart(8, "0")}`;
const isComplete = (state: Item): boolean => state["complete"] !== undefined;

/** Newest first. */
function eachOnce(places: readonly PagePlace[]): readonly PagePlace[] {
  const sorted = [...places].sort((one, other) => other.newest - one.newest || other.shard - one.shard);
  return sorted.filter(({ newest, shard }, at) => newest !== sorted[at - 1]?.newest || shard !== sorted[at - 1]?.shard);
}
