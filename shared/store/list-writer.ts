import { type EpochMillis, epochMillis, laterBy } from "../host/clock.ts";
import type { ListedDelivery } from "../model/lookup-terms.ts";
import type { Counters } from "./counters.ts";
import type { Retention } from "./fields.ts";
import { PAGE_DELIVERIES, pagesOf } from "./list-pages.ts";
import { type Postings, SLOT_MS, slotOf } from "./postings.ts";
import type { SlotIndex } from "./slot-index.ts";
import type { Table } from "./table.ts";

/** Time after the end of a slot for what the relay gets late. Each later page costs a write more. */
const LATE_MS = 60_000;
/** Time before the first slot of a process, in which an earlier process may have left an index out. */
const EARLIER_MS = 3_600_000;

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
  readonly #index: SlotIndex;
  readonly #waiting: Waiting[] = [];
  #isWriting = false;
  /** The slots whose indexes this process may have to make. `takesOver`: another process may have begun and ended. */
  readonly #slots = new Map<EpochMillis, { readonly takesOver: boolean }>();
  #newest: EpochMillis | undefined;

  constructor(
    table: Table,
    retention: Retention,
    parts: { readonly postings: Postings; readonly counters: Counters; readonly index: SlotIndex },
  ) {
    this.#table = table;
    this.#retention = retention;
    this.#postings = parts.postings;
    this.#counters = parts.counters;
    this.#index = parts.index;
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
   * Makes the indexes of the slots that are over: of those that this process wrote into, and at its start those that are
   * missing. What failed is tried again next time; until then the slot is read page by page. Never throws.
   */
  async makeIndexes(listed: readonly Pick<ListedDelivery, "receivedAt">[]): Promise<void> {
    if (listed.length === 0) return;
    const isStart = this.#newest === undefined;
    const newest = epochMillis(Math.max(...listed.map(({ receivedAt }) => receivedAt), this.#newest ?? 0));
    this.#newest = newest;
    for (const { receivedAt } of listed) {
      const slot = slotOf(receivedAt);
      if (!this.#slots.has(slot)) this.#slots.set(slot, { takesOver: false });
    }
    try {
      if (isStart) await this.#findMissing(newest);
      for (const [slot, options] of this.#slots) {
        if (laterBy(slot, SLOT_MS + LATE_MS) > newest) continue;
        this.#slots.delete(slot);
        // If it fails, this process may have begun.
        await this.#index.make(slot, options).catch((error: unknown) => {
          this.#slots.set(slot, { takesOver: true });
          throw error;
        });
      }
    } catch {
      // The store failed, and the next write reports it.
    }
  }

  async #findMissing(newest: EpochMillis): Promise<void> {
    const slot = slotOf(newest);
    try {
      for (const missing of await this.#index.missing(laterBy(slot, -EARLIER_MS), laterBy(slot, -1)))
        this.#slots.set(missing, { takesOver: true });
    } catch (error) {
      this.#newest = undefined;
      throw error;
    }
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
        await Promise.all([this.#postings.add(listed), this.#index.addLate(pages)]);
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
