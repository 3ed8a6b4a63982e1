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
import { isPosted, mostSelective, Postings, SLOT_MS } from "./postings.ts";
import { SlotIndex } from "./slot-index.ts";
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
  readonly #index: SlotIndex;
  readonly #writer: ListWriter;

  constructor(table: Table, retention: Retention) {
    this.#table = table;
    this.#retention = retention;
    this.#postings = new Postings(table, retention);
    this.#counters = new Counters(table, retention);
    this.#index = new SlotIndex(table, retention, this.#counters);
    const parts = { postings: this.#postings, counters: this.#counters, index: this.#index };
    this.#writer = new ListWriter(table, retention, parts);
  }

  /** See {@link DeliveryStore.addToList}. */
  add(deliveries: readonly (ListedDelivery | RecordedDelivery)[]): Promise<void> {
    return this.#writer.add(deliveries.map(listedPartOf));
  }

  /** Makes the indexes of earlier slots that became due with these deliveries. Never throws. */
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
  counts(from: EpochMillis, to: EpochMillis): AsyncGenerator<SlotCounts> {
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
    const slots = isPosted(term) ? this.#postedSlots(window, term) : this.#allSlots(window, term);
    return mergedNewestFirst(this.#lookedUp(window, { term, slots, reading }), unlisted, window);
  }

  /** The slots that have the term. */
  async *#postedSlots({ before, notBefore }: ListWindow, term: Term): AsyncGenerator<Slot> {
    for await (const slot of this.#postings.slots(term, notBefore, before.receivedAt))
      yield { from: slot, to: laterBy(slot, SLOT_MS), places: await this.#index.placesOf(slot, term) };
  }

  /** All slots that have an index, and the times between them. */
  async *#allSlots({ before, notBefore }: ListWindow, term: Term): AsyncGenerator<Slot> {
    let to = laterBy(before.receivedAt, 1);
    for await (const { slot, places } of this.#index.slots(notBefore, before.receivedAt, term)) {
      const end = laterBy(slot, SLOT_MS);
      if (end < to) yield { from: end, to, places: undefined };
      yield { from: slot, to: end, places };
      to = slot;
    }
    if (notBefore < to) yield { from: notBefore, to, places: undefined };
  }

  async *#lookedUp(
    { before, notBefore }: ListWindow,
    { term, slots, reading }: { readonly term: Term; readonly slots: AsyncIterable<Slot>; readonly reading: Reading },
  ): AsyncGenerator<ListedDelivery> {
    const containing = textIn(term);
    const { retentionDays } = this.#retention;
    let isFirst = true;
    for await (const { from, to, places } of slots) {
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
interface Slot {
  readonly from: EpochMillis;
  /** Exclusive. */
  readonly to: EpochMillis;
  /** The pages that have one; undefined if all pages of the time have to be read. */
  readonly places: readonly PagePlace[] | undefined;
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
