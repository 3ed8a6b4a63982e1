import type { ListedDelivery } from "../model/lookup-terms.ts";
import type { Counters } from "./counters.ts";
import type { Retention } from "./fields.ts";
import { PAGE_DELIVERIES, pagesOf } from "./list-pages.ts";
import type { Postings } from "./postings.ts";
import type { Table } from "./table.ts";

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
  readonly #waiting: Waiting[] = [];
  #isWriting = false;

  constructor(
    table: Table,
    retention: Retention,
    { postings, counters }: { readonly postings: Postings; readonly counters: Counters },
  ) {
    this.#table = table;
    this.#retention = retention;
    this.#postings = postings;
    this.#counters = counters;
  }

  /** Resolves when the deliveries are listed. Throws `store_unavailable`: some of them may then be listed. */
  add(deliveries: readonly ListedDelivery[]): Promise<void> {
    if (deliveries.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ deliveries, resolve, reject });
      if (!this.#isWriting) void this.#write();
    });
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
        await this.#postings.add(listed);
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
