import { Fault } from "../host/fault.ts";
import { expiryOf, number, type StoreOptions, text } from "./fields.ts";
import type { ItemKey, Table } from "./table.ts";

/** A value as it was read. */
interface Revised<T> {
  readonly value: T;
  /** 0: nothing is stored. */
  readonly revision: number;
}

/**
 * Values that are stored as JSON, each under its key and with a revision, so that of two writers who read the same value
 * one succeeds. Every method throws `store_unavailable`.
 */
export class RevisedValues<T> {
  readonly #table: Table;
  readonly #options: StoreOptions;
  readonly #attribute: string;
  readonly #empty: T;

  /** `attribute` holds the value. `empty` is what is read where nothing is stored. */
  constructor(
    { table, options }: { readonly table: Table; readonly options: StoreOptions },
    { attribute, empty }: { readonly attribute: string; readonly empty: T },
  ) {
    this.#table = table;
    this.#options = options;
    this.#attribute = attribute;
    this.#empty = empty;
  }

  /** Strongly consistent. */
  async get(key: ItemKey): Promise<Revised<T>> {
    const item = await this.#table.get(key);
    if (item === undefined) return { value: this.#empty, revision: 0 };
    // Written by `save` from the same type.
    return { value: JSON.parse(text(item, this.#attribute)) as T, revision: number(item, "revision") };
  }

  /** Stores a value as the next revision. False, and no change, if `revision` is no longer the stored one. */
  async save(key: ItemKey, { value, revision }: Revised<T>): Promise<boolean> {
    const before = await this.#table.change(key, {
      condition: revision === 0 ? { field: "revision", is: "absent" } : { field: "revision", is: "=", value: revision },
      set: {
        [this.#attribute]: JSON.stringify(value),
        revision: revision + 1,
        expiresAt: expiryOf(this.#options.clock.now(), this.#options),
      },
    });
    return before !== undefined;
  }

  /**
   * Changes a value, however many others do at the same time. `next` may be called several times. It returns what it was
   * given if nothing changes, and undefined to refuse the change: then the answer is false.
   */
  async change(key: ItemKey, next: (value: T) => T | undefined | Promise<T | undefined>): Promise<boolean> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const { value, revision } = await this.get(key);
      const changed = await next(value);
      if (changed === undefined) return false;
      if (changed === value || (await this.save(key, { value: changed, revision }))) return true;
    }
    throw new Fault("store_unavailable", `too many concurrent writes of ${this.#attribute}`, { retryable: true });
  }
}

/** Each lost race means that another writer succeeded, so this limit is never reached in practice. */
const MAX_TRIES = 50;
