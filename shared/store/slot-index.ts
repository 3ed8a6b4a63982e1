import { setImmediate as nextTurn } from "node:timers/promises";
import { type EpochMillis, epochMillis, laterBy, toIso } from "../host/clock.ts";
import { type Term, termText } from "../model/lookup-terms.ts";
import type { Counters } from "./counters.ts";
import { expiryOf, number, padTime, type Retention } from "./fields.ts";
import { TABLE } from "./key-schema.ts";
import {
  LIST_SHARDS,
  type ListPage,
  PAGE_SPAN_MS,
  type PagePlace,
  pageItemsBetween,
  pagePlaceOf,
  termsOnPage,
} from "./list-pages.ts";
import { keyOfTerm, SLOT_MS, slotOf } from "./postings.ts";
import { collect } from "./streams.ts";
import { beginningWith, type Item, type ItemKey, type Table } from "./table.ts";

/** A slot with fewer deliveries is read page by page, which takes as long as its index. */
export const MIN_DELIVERIES = 50;
/** Bytes of an entry: its term and its place. */
export const ENTRY_BYTES = 8;
/** Entries of one item, which is read for a look-up. */
const ENTRIES_OF_ITEM = 1_000;
/** A slot with more gets no index: whoever makes it holds all entries. A thousand deliveries a second have fewer. */
const MAX_ENTRIES = 2_000_000;
/** Pages that are read before the event loop does other work. */
const PAGES_AT_ONCE = 16;

/** A page has a delivery with this term. Two terms may have the same number, so a reader compares the terms. */
interface Entry {
  readonly term: number;
  /** See {@link placeNumber}. */
  readonly place: number;
}

/**
 * Which list pages of a slot have which term. The index of a slot is made once, when the slot is over: until then, and if
 * whoever makes it ends too early, the slot has none, and its pages are read.
 *
 * A page that is written later is not in the index, so its writer adds an item of its own. The item of the state decides who
 * does: the index is begun there before the pages are read, and a writer reads the state after it wrote the page. So the
 * one has read the page, or the other has seen the beginning. Every method throws `store_unavailable`.
 */
export class SlotIndex {
  readonly #table: Table;
  readonly #retention: Retention;
  readonly #counters: Pick<Counters, "between">;

  constructor(table: Table, retention: Retention, counters: Pick<Counters, "between">) {
    this.#table = table;
    this.#retention = retention;
    this.#counters = counters;
  }

  /**
   * Makes the index of a slot that is over, unless it is there, the slot has few deliveries, or another process has begun.
   * `takesOver`: also if another process has begun, which may have ended.
   */
  async make(slot: EpochMillis, { takesOver }: { readonly takesOver: boolean }): Promise<void> {
    const state = await this.#table.get(stateKeyOf(slot));
    const begun = state === undefined ? 0 : number(state, "attempt");
    if (state?.["complete"] !== undefined || (begun > 0 && !takesOver)) return;
    const sums = await this.#deliveriesIn(slot, slot);
    if ((sums.get(slot) ?? 0) < MIN_DELIVERIES) return;
    const attempt = begun + 1;
    const isOurs = await this.#table.change(stateKeyOf(slot), {
      condition: begun === 0 ? { field: "attempt", is: "absent" } : { field: "attempt", is: "=", value: begun },
      set: { attempt, expiresAt: this.#expiryOf(slot) },
    });
    if (isOurs === undefined) return;
    const entries = await this.#entriesOf(slot);
    if (entries === undefined) return;
    for (const group of groupsOf(entries)) {
      const [first] = group;
      if (first !== undefined)
        await this.#put({ pk: partitionOf(slot), sk: builtKey(attempt, first.term) }, group, slot);
    }
    // The index of any attempt is right, so a later one does no harm.
    await this.#table.change(stateKeyOf(slot), {
      condition: { field: "attempt", is: "present" },
      set: { complete: attempt },
    });
  }

  /** The slots of a time that should have an index and have none, or one that was not finished. */
  async missing(from: EpochMillis, to: EpochMillis): Promise<readonly EpochMillis[]> {
    const complete = new Set<number>();
    for await (const { slot, state } of this.#states(from, to)) if (state["complete"] !== undefined) complete.add(slot);
    const sums = await this.#deliveriesIn(from, to);
    return [...sums].flatMap(([slot, sum]) => (sum >= MIN_DELIVERIES && !complete.has(slot) ? [slot] : []));
  }

  /** Adds pages that were written just now to the indexes that do not have them. */
  async addLate(pages: readonly ListPage[]): Promise<void> {
    const slots = new Set(pages.flatMap(({ deliveries }) => deliveries.map(({ receivedAt }) => slotOf(receivedAt))));
    await Promise.all(
      [...slots].map(async (slot) => {
        if ((await this.#table.get(stateKeyOf(slot))) === undefined) return;
        await Promise.all(
          pages.map(async ({ page, deliveries }) => {
            const ofSlot = deliveries.filter(({ receivedAt }) => slotOf(receivedAt) === slot);
            const terms = ofSlot.flatMap((one) => one.terms ?? []);
            const entries = entriesOn(slot, pagePlaceOf(page), terms);
            if (entries.length > 0)
              await this.#put({ pk: partitionOf(slot), sk: `${LATE}${page.pk}#${page.sk}` }, entries, slot);
          }),
        );
      }),
    );
  }

  /** Where the pages of a slot with a term are, the newest first; undefined if the slot has no index. */
  async placesOf(slot: EpochMillis, term: Term): Promise<readonly PagePlace[] | undefined> {
    const state = await this.#table.get(stateKeyOf(slot));
    return state && this.#placesIn(slot, state, term);
  }

  /** The slots of a time that have an index, the newest first, each with what {@link placesOf} returns. */
  async *slots(
    from: EpochMillis,
    to: EpochMillis,
    term: Term,
  ): AsyncGenerator<{ readonly slot: EpochMillis; readonly places: readonly PagePlace[] }> {
    for await (const { slot, state } of this.#states(from, to)) {
      const places = await this.#placesIn(slot, state, term);
      if (places !== undefined) yield { slot, places };
    }
  }

  /** Newest first. */
  async *#states(
    from: EpochMillis,
    to: EpochMillis,
  ): AsyncGenerator<{ readonly slot: EpochMillis; readonly state: Item }> {
    const oldest = Math.max(dayOf(from), dayOf(to) - (this.#retention.retentionDays + 1) * DAY_MS);
    for (let day = dayOf(to); day >= oldest; day -= DAY_MS) {
      const partition = stateKeyOf(epochMillis(day)).pk;
      const range = { from: padTime(slotOf(from)), to: padTime(to), newestFirst: true };
      for await (const state of this.#table.select({ partition, ...range }))
        yield { slot: epochMillis(Number(state[TABLE.sortKey])), state };
    }
  }

  async #placesIn(slot: EpochMillis, state: Item, term: Term): Promise<readonly PagePlace[] | undefined> {
    if (state["complete"] === undefined) return undefined;
    const wanted = numberOf(keyOfTerm(termText(term)));
    const partition = partitionOf(slot);
    const built = {
      from: `${BUILT}${number(state, "complete")}#`,
      to: builtKey(number(state, "complete"), wanted),
      newestFirst: true,
      limit: 1,
    };
    const items = await Promise.all([
      collect(this.#table.select({ partition, ...built }), (item) => item),
      collect(this.#table.select({ partition, ...beginningWith(LATE) }), (item) => item),
    ]);
    const places = new Set(items.flat().flatMap((item) => placesWith(wanted, item)));
    return [...places].sort((a, b) => b - a).map((place) => placeOfNumber(slot, place));
  }

  async #deliveriesIn(from: EpochMillis, to: EpochMillis): Promise<ReadonlyMap<EpochMillis, number>> {
    const sums = new Map<EpochMillis, number>();
    for await (const { slot, counts } of this.#counters.between(from, to)) {
      const sum = Object.values(counts).reduce((total, count) => total + count, sums.get(slot) ?? 0);
      sums.set(slot, sum);
    }
    return sums;
  }

  /** In the order of their terms; undefined if there are too many. */
  async #entriesOf(slot: EpochMillis): Promise<readonly Entry[] | undefined> {
    const entries: Entry[] = [];
    let pages = 0;
    const end = laterBy(slot, SLOT_MS);
    // A page has a delivery of the slot if its newest one was received a little later.
    for await (const item of pageItemsBetween(this.#table, slot, laterBy(end, PAGE_SPAN_MS))) {
      const terms = termsOnPage(item, slot, end);
      for (const entry of entriesOn(slot, pagePlaceOf(item), terms)) entries.push(entry);
      if (entries.length > MAX_ENTRIES) return undefined;
      pages += 1;
      if (pages % PAGES_AT_ONCE === 0) await nextTurn();
    }
    return entries.sort((a, b) => a.term - b.term);
  }

  async #put(key: ItemKey, entries: readonly Entry[], slot: EpochMillis): Promise<void> {
    const content = new Uint8Array(entries.length * ENTRY_BYTES);
    const view = new DataView(content.buffer);
    for (const [at, { term, place }] of entries.entries()) {
      view.setUint32(at * ENTRY_BYTES, term);
      view.setUint32(at * ENTRY_BYTES + 4, place);
    }
    await this.#table.put({ ...key, expiresAt: this.#expiryOf(slot), content });
  }

  /** A day after the pages. */
  #expiryOf(slot: EpochMillis): number {
    return expiryOf(laterBy(slot, SLOT_MS + PAGE_SPAN_MS + DAY_MS), this.#retention);
  }
}

const DAY_MS = 86_400_000;
const LATE = "late#";
const BUILT = "built#";

const dayOf = (time: EpochMillis): number => Math.floor(time / DAY_MS) * DAY_MS;
const partitionOf = (slot: EpochMillis): string => `index#${padTime(slot)}`;
const stateKeyOf = (slot: EpochMillis): ItemKey => ({ pk: `index#${toIso(slot).slice(0, 10)}`, sk: padTime(slot) });
const builtKey = (attempt: number, term: number): string => `${BUILT}${attempt}#${term.toString(16).padStart(8, "0")}`;

function entriesOn(slot: EpochMillis, place: PagePlace, terms: Iterable<string>): readonly Entry[] {
  const at = placeNumber(slot, place);
  return [...new Set([...terms].map((term) => numberOf(keyOfTerm(term))))].map((term) => ({ term, place: at }));
}

/** Entries of one term stay together, so a look-up reads one item. */
function* groupsOf(entries: readonly Entry[]): Generator<readonly Entry[]> {
  let start = 0;
  for (let at = 1; at <= entries.length; at++) {
    if (at < entries.length && (at - start < ENTRIES_OF_ITEM || entries[at]?.term === entries[at - 1]?.term)) continue;
    yield entries.slice(start, at);
    start = at;
  }
}

function placesWith(term: number, { content }: Item): readonly number[] {
  if (!(content instanceof Uint8Array)) return [];
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const places: number[] = [];
  for (let at = 0; at + ENTRY_BYTES <= content.byteLength; at += ENTRY_BYTES)
    if (view.getUint32(at) === term) places.push(view.getUint32(at + 4));
  return places;
}

/** The shard of a page, and the time of its newest delivery after the beginning of the slot. */
const placeNumber = (slot: EpochMillis, { newest, shard }: PagePlace): number => (newest - slot) * LIST_SHARDS + shard;
const placeOfNumber = (slot: EpochMillis, place: number): PagePlace => ({
  newest: laterBy(slot, Math.floor(place / LIST_SHARDS)),
  shard: place % LIST_SHARDS,
});

/** FNV-1a with 32 bits (http://www.isthe.com/chongo/tech/comp/fnv/), over UTF-16. */
function numberOf(key: string): number {
  let hash = 0x81_1c_9d_c5;
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01_00_01_93);
  return hash >>> 0;
}
