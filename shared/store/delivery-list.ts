import { type EpochMillis, epochMillis, laterBy } from "../host/clock.ts";
import { hasTerms, type ListedDelivery, type Term, termsIn, textIn } from "../model/lookup-terms.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import { Counters, type SlotCounts } from "./counters.ts";
import type { Retention } from "./fields.ts";
import {
  byPosition,
  type DeliveryPosition,
  type ListWindow,
  listedAt,
  listedNewestFirst,
  mergedNewestFirst,
  type PagePlace,
  type Reading,
} from "./list-pages.ts";
import { ListWriter } from "./list-writer.ts";
import { HOUR_MS, openHourIndex, openSlotIndex, type PageIndex } from "./page-index.ts";
import { isPosted, mostSelective, Postings, SLOT_MS } from "./postings.ts";
import type { Table } from "./table.ts";

export interface ListQuery extends ListWindow {
  /** Maximum number of matching deliveries. */
  readonly limit: number;
  /** Maximum number of deliveries read: bounds the cost of a filter that few deliveries match. */
  readonly scanLimit: number;
  readonly matches: (listed: ListedDelivery) => boolean | Promise<boolean>;
  /** What each listed delivery must have. The most selective term is looked up, and the others are compared. */
  readonly terms?: readonly Term[];
  /** Asked after some deliveries were read: false ends the page, as the scan limit does. */
  readonly hasTime?: () => boolean;
}

export interface DeliveryPage {
  readonly deliveries: readonly ListedDelivery[];
  /** Where the next page starts; undefined if the window has no older delivery. */
  readonly next?: DeliveryPosition;
}

/**
 * The list of deliveries: its pages, what they are looked up by, and how many there are. Every method throws
 * `store_unavailable`.
 */
export class DeliveryList {
  readonly #table: Table;
  readonly #retention: Retention;
  readonly #postings: Postings;
  readonly #counters: Counters;
  readonly #slots: PageIndex;
  readonly #hours: PageIndex;
  readonly #writer: ListWriter;

  constructor(table: Table, retention: Retention) {
    this.#table = table;
    this.#retention = retention;
    this.#postings = new Postings(table, retention);
    this.#counters = new Counters(table, retention);
    const shared = { ...retention, counters: this.#counters };
    this.#slots = openSlotIndex(table, shared);
    this.#hours = openHourIndex(table, this.#slots, shared);
    const indexes = [this.#slots, this.#hours];
    const parts = { postings: this.#postings, counters: this.#counters, indexes };
    this.#writer = new ListWriter(table, retention, parts);
  }

  /** See {@link DeliveryStore.addToList}. */
  add(deliveries: readonly (ListedDelivery | RecordedDelivery)[]): Promise<void> {
    return this.#writer.add(deliveries.map(listedPartOf));
  }

  /** Makes the indexes of earlier times that became due with these deliveries. Never throws. */
  makeIndexes(deliveries: readonly Pick<ListedDelivery, "receivedAt">[]): Promise<void> {
    return this.#writer.makeIndexes(deliveries);
  }

  /** Newest first. `unlisted`: recorded deliveries that may not be on a page yet. */
  async page(query: ListQuery, unlisted: readonly (ListedDelivery | RecordedDelivery)[]): Promise<DeliveryPage> {
    const { terms = [], hasTime = () => true } = query;
    const deliveries: ListedDelivery[] = [];
    const reading: Reading = { hasTime, endedAt: undefined };
    const term = mostSelective(terms) ?? terms[0];
    let scanned = 0;
    for await (const listed of this.#candidates(query, { term, unlisted: unlisted.map(listedPartOf), reading })) {
      // What is in the outbox comes after the end of the reading, too.
      if (reading.endedAt !== undefined && byPosition(reading.endedAt, listed) < 0) break;
      scanned += 1;
      if (hasTerms(listed, terms) && (await query.matches(listed))) deliveries.push(listed);
      const isEnd = deliveries.length === query.limit || scanned === query.scanLimit;
      if (isEnd || (scanned % TIME_CHECK === 0 && !hasTime()))
        return { deliveries, next: { receivedAt: listed.receivedAt, id: listed.id } };
    }
    return { deliveries, ...(reading.endedAt && { next: reading.endedAt }) };
  }

  /** See {@link DeliveryStore.counts}. */
  counts(from: EpochMillis, to: EpochMillis): AsyncGenerator<readonly SlotCounts[]> {
    return this.#counters.between(from, to);
  }

  /** See {@link DeliveryStore.lookUpsReachTo}. */
  async lookUpsReachTo(now: EpochMillis): Promise<EpochMillis> {
    const kept = laterBy(now, -this.#retention.retentionDays * 86_400_000);
    return epochMillis(Math.max(kept, (await this.#postings.since()) ?? now));
  }

  /** The deliveries of the window that may have the term, newest first; without a term, all. */
  #candidates(
    window: ListWindow,
    {
      term,
      unlisted,
      reading,
    }: {
      readonly term: Term | undefined;
      readonly unlisted: readonly ListedDelivery[];
      readonly reading: Reading;
    },
  ): AsyncIterable<ListedDelivery> {
    const { retentionDays } = this.#retention;
    if (term === undefined)
      return listedNewestFirst(this.#table, window, { unlisted, containing: undefined, reading, retentionDays });
    const times = isPosted(term) ? this.#postedTimes(window, term) : this.#allTimes(window, term);
    return mergedNewestFirst(this.#lookedUp(window, { term, times, reading }), unlisted, window);
  }

  /** The slots that have the term, or their hours. */
  async *#postedTimes({ before, notBefore }: ListWindow, term: Term): AsyncGenerator<Time> {
    let last: { readonly hour: EpochMillis; readonly isWhole: boolean } | undefined;
    for await (const slot of this.#postings.slots(term, notBefore, before.receivedAt)) {
      const hour = this.#hours.startOf(slot);
      if (hour !== last?.hour) {
        const places = await this.#hours.placesOf(hour, term);
        last = { hour, isWhole: places !== undefined };
        if (places !== undefined) yield { from: hour, to: laterBy(hour, HOUR_MS), places };
      }
      if (!last.isWhole)
        yield { from: slot, to: laterBy(slot, SLOT_MS), places: await this.#slots.placesOf(slot, term) };
    }
  }

  /** All hours that have an index, between them all such slots, and the times between those. */
  async *#allTimes({ before, notBefore }: ListWindow, term: Term): AsyncGenerator<Time> {
    const window = { from: notBefore, to: laterBy(before.receivedAt, 1), term };
    for await (const hour of indexedTimes(this.#hours, window)) {
      if (hour.places !== undefined) yield hour;
      else yield* indexedTimes(this.#slots, { ...hour, term });
    }
  }

  async *#lookedUp(
    { before, notBefore }: ListWindow,
    { term, times, reading }: { readonly term: Term; readonly times: AsyncIterable<Time>; readonly reading: Reading },
  ): AsyncGenerator<ListedDelivery> {
    const containing = textIn(term);
    const { retentionDays } = this.#retention;
    let isFirst = true;
    for await (const { from, to, places } of times) {
      if (!isFirst && !reading.hasTime()) {
        reading.endedAt = { receivedAt: to, id: FIRST_ID };
        return;
      }
      isFirst = false;
      const window = {
        before: before.receivedAt < to ? before : { receivedAt: to, id: "" },
        notBefore: epochMillis(Math.max(from, notBefore)),
      };
      const options = { unlisted: [], containing, reading, retentionDays };
      if (places === undefined) yield* listedNewestFirst(this.#table, window, options);
      else yield* listedAt(this.#table, places, window, options);
      if (reading.endedAt !== undefined) return;
    }
  }
}

/** A time that may have a delivery with a term. */
interface Time {
  readonly from: EpochMillis;
  /** Exclusive. */
  readonly to: EpochMillis;
  /** The pages that have one; undefined if all pages of the time have to be read. */
  readonly places: readonly PagePlace[] | undefined;
}

/** The times of a range that have an index, and those between them, newest first. The first one may end after the range. */
async function* indexedTimes(
  index: PageIndex,
  { from, to, term }: { readonly from: EpochMillis; readonly to: EpochMillis; readonly term: Term },
): AsyncGenerator<Time> {
  let last = to;
  for await (const { start, places } of index.placesBetween(from, laterBy(to, -1), term)) {
    const end = laterBy(start, index.spanMs);
    if (end < last) yield { from: end, to: last, places: undefined };
    yield { from: start, to: end, places };
    last = start;
  }
  if (from < last) yield { from, to: last, places: undefined };
}

/** Before every id. */
const FIRST_ID = "0";

/** Deliveries that are read before the time is looked at. */
const TIME_CHECK = 100;
/** What the list has of a delivery. */
export function listedPartOf(delivery: ListedDelivery | RecordedDelivery): ListedDelivery {
  const terms = termsIn(delivery);
  const { id, source, receivedAt, outcome, what, subject, principal, refusal, repeats } = delivery;
  return {
    id,
    source,
    receivedAt,
    outcome,
    what,
    ...(subject !== undefined && { subject }),
    principal,
    ...(refusal !== undefined && { refusal }),
    ...(repeats !== undefined && { repeats }),
    ...(terms.length > 0 && { terms }),
  };
}
