import { type EpochMillis, epochMillis, laterBy } from "../host/clock.ts";
import { hasTerms, type ListedDelivery, type Term, termsIn, textIn } from "../model/lookup-terms.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import { Counters, type SlotCounts } from "./counters.ts";
import type { Retention } from "./fields.ts";
import { type DeliveryPosition, type ListWindow, listedNewestFirst, mergedNewestFirst } from "./list-pages.ts";
import { ListWriter } from "./list-writer.ts";
import { mostSelective, Postings, SLOT_MS } from "./postings.ts";
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
  readonly #writer: ListWriter;

  constructor(table: Table, retention: Retention) {
    this.#table = table;
    this.#retention = retention;
    this.#postings = new Postings(table, retention);
    this.#counters = new Counters(table, retention);
    this.#writer = new ListWriter(table, retention, { postings: this.#postings, counters: this.#counters });
  }

  /** See {@link DeliveryStore.addToList}. */
  add(deliveries: readonly (ListedDelivery | RecordedDelivery)[]): Promise<void> {
    return this.#writer.add(deliveries.map(listedPartOf));
  }

  /** Newest first. `unlisted`: recorded deliveries that may not be on a page yet. */
  async page(query: ListQuery, unlisted: readonly (ListedDelivery | RecordedDelivery)[]): Promise<DeliveryPage> {
    const { terms = [], hasTime = () => true } = query;
    const deliveries: ListedDelivery[] = [];
    let scanned = 0;
    for await (const listed of this.#candidates(query, mostSelective(terms), unlisted.map(listedPartOf))) {
      scanned += 1;
      if (hasTerms(listed, terms) && (await query.matches(listed))) deliveries.push(listed);
      const isEnd = deliveries.length === query.limit || scanned === query.scanLimit;
      if (isEnd || (scanned % TIME_CHECK === 0 && !hasTime()))
        return { deliveries, next: { receivedAt: listed.receivedAt, id: listed.id } };
    }
    return { deliveries };
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
    term: Term | undefined,
    unlisted: readonly ListedDelivery[],
  ): AsyncIterable<ListedDelivery> {
    const { retentionDays } = this.#retention;
    if (term === undefined)
      return listedNewestFirst(this.#table, window, { unlisted, containing: undefined, retentionDays });
    return mergedNewestFirst(this.#lookedUp(window, term), unlisted, window);
  }

  async *#lookedUp({ before, notBefore }: ListWindow, term: Term): AsyncGenerator<ListedDelivery> {
    const { retentionDays } = this.#retention;
    const options = { unlisted: [], containing: textIn(term), retentionDays };
    for await (const slot of this.#postings.slots(term, notBefore, before.receivedAt)) {
      const end = laterBy(slot, SLOT_MS);
      const inSlot = {
        before: before.receivedAt < end ? before : { receivedAt: end, id: "" },
        notBefore: epochMillis(Math.max(slot, notBefore)),
      };
      yield* listedNewestFirst(this.#table, inSlot, options);
    }
  }
}

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
