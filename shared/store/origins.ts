import { expiryOf, type StoreOptions, text } from "./fields.ts";
import type { Table } from "./table.ts";

/**
 * What proves or shows the origin of runs: the delivery for each `eventID` of a Tekton listener, and the first run that
 * proved its origin under each name. Every method throws `store_unavailable`.
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

  /**
   * Returns the uid of the first run of this name that proved its origin to the source; undefined if none has. Strongly
   * consistent.
   */
  async provedRun(source: string, name: string): Promise<string | undefined> {
    const item = await this.#table.get(runKeyOf(source, name));
    return item === undefined ? undefined : text(item, "uid");
  }

  /** The same, with this run as the first if there is none yet. Idempotent. */
  async firstProvedRun(
    source: string,
    { name, uid }: { readonly name: string; readonly uid: string },
  ): Promise<string> {
    const first = await this.provedRun(source, name);
    if (first !== undefined) return first;
    const expiresAt = expiryOf(this.#options.clock.now(), this.#options);
    const isFirst = await this.#table.create({ ...runKeyOf(source, name), uid, expiresAt });
    return isFirst ? uid : ((await this.provedRun(source, name)) ?? uid);
  }
}

/** The name of a source contains no `#`, so no two pairs share a key. */
const keyOf = (source: string, triggerEventId: string) => ({ pk: `origin#${source}#${triggerEventId}`, sk: "head" });
const runKeyOf = (source: string, name: string) => ({ pk: `proved-run#${source}#${name}`, sk: "head" });
