import { type EpochMillis, epochMillis, laterBy } from "../host/clock.ts";
import type { ListedDelivery } from "../model/lookup-terms.ts";
import type { Counters } from "./counters.ts";
import type { Retention } from "./fields.ts";
import { type ListPage, PAGE_DELIVERIES, pagesOf } from "./list-pages.ts";
import type { PageIndex } from "./page-index.ts";
import type { Postings } from "./postings.ts";
import type { Table } from "./table.ts";

/** Time after the end of a slot or hour for what the relay gets late. Each later page costs up to four writes more. */
const LATE_MS = 60_000;
/** Times before the first one of a process, in which an earlier process may have left an index out. */
const EARLIER_TIMES = 12;

interface Waiting {
  readonly deliveries: readonly ListedDelivery[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Writes list pages, and then what they can be looked up by. Deliveries that are added while a page is written share the
 * next one.
 */
export class ListWriter {
  readonly #table: Table;
  readonly #retention: Retention;
  readonly #postings: Postings;
  readonly #counters: Counters;
  /** The times of each index that this process may have to make. `takesOver`: another process may have begun and ended. */
  readonly #indexes: readonly {
    readonly index: PageIndex;
    readonly times: Map<EpochMillis, { readonly takesOver: boolean }>;
  }[];
  readonly #waiting: Waiting[] = [];
  #isWriting = false;
  #newest: EpochMillis | undefined;

  constructor(
    table: Table,
    retention: Retention,
    parts: {
      readonly postings: Postings;
      readonly counters: Counters;
      /** Each is made from those before it. */
      readonly indexes: readonly PageIndex[];
    },
  ) {
    this.#table = table;
    this.#retention = retention;
    this.#postings = parts.postings;
    this.#counters = parts.counters;
    this.#indexes = parts.indexes.map((index) => ({ index, times: new Map() }));
  }

  /** Resolves when the deliveries are listed. Throws `store_unavailable`: some of them may then be listed. */
  add(deliveries: readonly ListedDelivery[]): Promise<void> {
    if (deliveries.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ deliveries, resolve, reject });
      if (!this.#isWriting) void this.#write();
    });
  }

  /**
   * Makes the indexes of the times that are over: of those that this process wrote into, and at its start those that are
   * missing. What failed is tried again next time; until then the time is read page by page. Never throws.
   */
  async makeIndexes(listed: readonly Pick<ListedDelivery, "receivedAt">[]): Promise<void> {
    if (listed.length === 0) return;
    const isStart = this.#newest === undefined;
    const newest = epochMillis(Math.max(...listed.map(({ receivedAt }) => receivedAt), this.#newest ?? 0));
    this.#newest = newest;
    for (const { index, times } of this.#indexes) {
      for (const start of new Set(listed.map(({ receivedAt }) => index.startOf(receivedAt))))
        if (!times.has(start)) times.set(start, { takesOver: false });
    }
    try {
      if (isStart) await this.#findMissing(newest);
      for (const { index, times } of this.#indexes) {
        for (const [start, options] of times) {
          if (laterBy(start, index.spanMs + LATE_MS) > newest) continue;
          times.delete(start);
          // If it fails, this process may have begun.
          await index.make(start, options).catch((error: unknown) => {
            times.set(start, { takesOver: true });
            throw error;
          });
        }
      }
    } catch {
      // The store failed, and the next write reports it.
    }
  }

  async #findMissing(newest: EpochMillis): Promise<void> {
    try {
      for (const { index, times } of this.#indexes) {
        const start = index.startOf(newest);
        const missing = await index.missing(laterBy(start, -EARLIER_TIMES * index.spanMs), laterBy(start, -1));
        for (const earlier of missing) times.set(earlier, { takesOver: true });
      }
    } catch (error) {
      this.#newest = undefined;
      throw error;
    }
  }

  /** Whoever makes an index has read the late pages of those before it, or it is begun when its state is read here. */
  async #addLate(pages: readonly ListPage[]): Promise<void> {
    for (const { index } of this.#indexes) await index.addLate(pages);
  }

  /** Never throws. */
  async #write(): Promise<void> {
    this.#isWriting = true;
    // Whatever is added in this turn of the event loop shares a page.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, PAGE_DELIVERIES);
      try {
        const listed = group.flatMap(({ deliveries }) => deliveries);
        const pages = pagesOf(listed, this.#retention);
        const created = await Promise.all(pages.map(({ page }) => this.#table.create(page)));
        await Promise.all([this.#postings.add(listed), this.#addLate(pages)]);
        // A page that is there was counted when it was created. A repeat is listed again, and was counted before.
        const counted = pages.flatMap(({ deliveries }, at) => (created[at] === true ? deliveries : []));
        await this.#counters.add(counted.filter(({ repeats }) => repeats === undefined));
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#isWriting = false;
  }
}
