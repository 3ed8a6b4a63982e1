import { expiryOf, type StoreOptions, text } from "./fields.ts";
import type { Table } from "./table.ts";

/**
 * Maps the `eventID` of a Tekton listener to the delivery that triggered it. Every method throws `store_unavailable`.
 */
export class OriginStore {
  readonly #table: Table;
  readonly #options: StoreOptions;

  constructor(table: Table, options: StoreOptions) {
    this.#table = table;
    this.#options = options;
  }

  /** `source` is the source that reports the runs. Idempotent. */
  async remember(source: string, triggerEventId: string, delivery: string): Promise<void> {
    const expiresAt = expiryOf(this.#options.clock.now(), this.#options);
    await this.#table.put({ ...keyOf(source, triggerEventId), delivery, expiresAt });
  }

  async find(source: string, triggerEventId: string): Promise<string | undefined> {
    const item = await this.#table.get(keyOf(source, triggerEventId));
    return item === undefined ? undefined : text(item, "delivery");
  }
}

/** The name of a source contains no `#`, so no two pairs share a key. */
const keyOf = (source: string, triggerEventId: string) => ({ pk: `origin#${source}#${triggerEventId}`, sk: "head" });
