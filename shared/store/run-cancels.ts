import { MAX_CANCELS, type RunCancel } from "../model/run-cancel.ts";
import type { StoreOptions } from "./fields.ts";
import { RevisedValues } from "./revised-values.ts";
import type { ItemKey, Table } from "./table.ts";

/** The runs of a source that have to be cancelled: one item for each source. Every method throws `store_unavailable`. */
export class RunCancelStore {
  readonly #cancels: RevisedValues<readonly RunCancel[]>;
  readonly #clock: StoreOptions["clock"];

  constructor(table: Table, options: StoreOptions) {
    this.#cancels = new RevisedValues({ table, options }, { attribute: "cancels", empty: [] });
    this.#clock = options.clock;
  }

  /** Those whose time is not over. Strongly consistent. */
  async of(source: string): Promise<readonly RunCancel[]> {
    return this.#current((await this.#cancels.get(keyOf(source))).value);
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

  /** `next` returns what it was given if nothing changes, and undefined to refuse the change. */
  async #change(
    source: string,
    next: (cancels: readonly RunCancel[]) => readonly RunCancel[] | undefined,
  ): Promise<boolean> {
    return this.#cancels.change(keyOf(source), (stored) => {
      const current = this.#current(stored);
      const changed = next(current);
      // What is over leaves the item with the next call, also if that changes nothing else.
      return changed === current && current.length === stored.length ? stored : changed;
    });
  }

  #current(cancels: readonly RunCancel[]): readonly RunCancel[] {
    const now = this.#clock.now();
    return cancels.filter(({ until }) => until > now);
  }
}

const keyOf = (source: string): ItemKey => ({ pk: `cancels#${source}`, sk: "cancels" });
