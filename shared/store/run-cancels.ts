import { Fault } from "../host/fault.ts";
import type { RunCancel } from "../model/run-cancel.ts";
import { expiryOf, number, type StoreOptions, text } from "./fields.ts";
import type { ItemKey, Table } from "./table.ts";

/** The runs of a source that have to be cancelled: one item for each source. Every method throws `store_unavailable`. */
export class RunCancelStore {
  readonly #table: Table;
  readonly #options: StoreOptions;

  constructor(table: Table, options: StoreOptions) {
    this.#table = table;
    this.#options = options;
  }

  /** Those whose time is not over. Strongly consistent. */
  async of(source: string): Promise<readonly RunCancel[]> {
    return (await this.#read(source)).cancels;
  }

  /** Idempotent. False if too many runs have to be cancelled already. */
  async add(source: string, cancel: RunCancel): Promise<boolean> {
    return this.#change(source, (cancels) => {
      if (cancels.some(({ action }) => action === cancel.action)) return cancels;
      return cancels.length < MAX_CANCELS ? [...cancels, cancel] : undefined;
    });
  }

  /** Stores why the last try failed. */
  async fail(source: string, action: string, problem: string): Promise<void> {
    await this.#change(source, (cancels) =>
      cancels.some((one) => one.action === action && one.problem !== problem)
        ? cancels.map((one) => (one.action === action ? { ...one, problem } : one))
        : cancels,
    );
  }

  /** Another event waits for the slot of the run now. */
  async replace(source: string, action: string, by: string): Promise<void> {
    await this.#change(source, (cancels) =>
      cancels.some((one) => one.action === action && one.by !== by)
        ? cancels.map((one) => (one.action === action ? { ...one, by } : one))
        : cancels,
    );
  }

  /** The run has ended. */
  async remove(source: string, action: string): Promise<void> {
    await this.#change(source, (cancels) =>
      cancels.some((one) => one.action === action) ? cancels.filter((one) => one.action !== action) : cancels,
    );
  }

  async #read(source: string): Promise<{ readonly cancels: readonly RunCancel[]; readonly revision: number }> {
    const item = await this.#table.get(keyOf(source));
    if (item === undefined) return { cancels: [], revision: 0 };
    // Written by `#change` from the same type.
    const stored = JSON.parse(text(item, "cancels")) as readonly RunCancel[];
    const now = this.#options.clock.now();
    return { cancels: stored.filter(({ until }) => until > now), revision: number(item, "revision") };
  }

  /** `next` returns what it was given if nothing changes, and undefined to refuse the change. */
  async #change(
    source: string,
    next: (cancels: readonly RunCancel[]) => readonly RunCancel[] | undefined,
  ): Promise<boolean> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const { cancels: before, revision } = await this.#read(source);
      const cancels = next(before);
      if (cancels === undefined) return false;
      if (cancels === before) return true;
      const changed = await this.#table.change(keyOf(source), {
        condition:
          revision === 0 ? { field: "revision", is: "absent" } : { field: "revision", is: "=", value: revision },
        set: {
          cancels: JSON.stringify(cancels),
          revision: revision + 1,
          expiresAt: expiryOf(this.#options.clock.now(), this.#options),
        },
      });
      if (changed !== undefined) return true;
    }
    throw new Fault("store_unavailable", "too many concurrent writes of one source's cancellations", {
      retryable: true,
    });
  }
}

/** The item stays below 100 KB. */
const MAX_CANCELS = 100;

/** Each lost race means that another writer succeeded, so this limit is never reached in practice. */
const MAX_TRIES = 50;

const keyOf = (source: string): ItemKey => ({ pk: `cancels#${source}`, sk: "cancels" });
