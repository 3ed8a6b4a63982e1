import { hash } from "node:crypto";
import { type EpochMillis, epochMillis } from "../host/clock.ts";
import type { RunKey } from "../model/run-key.ts";
import { expiryOf, number, type StoreOptions } from "./fields.ts";
import { absentOr, type ItemKey, type Table } from "./table.ts";

/**
 * When runs ended, so that nothing is done with their tokens afterwards. A run that starts again under its name gets
 * tokens that are issued after its end, and those count. An end is kept as long as the delivery that the run was started
 * for. Every method throws `store_unavailable`.
 */
export class EndedRunStore {
  readonly #table: Table;
  readonly #options: StoreOptions;

  constructor(table: Table, options: StoreOptions) {
    this.#table = table;
    this.#options = options;
  }

  /** Records the end of a run. The latest end counts, in whatever order they come. */
  async recordEnd(run: RunKey, endedAt: EpochMillis): Promise<void> {
    await this.#table.change(keyOf(run), {
      condition: absentOr({ field: "endedAt", is: "<", value: endedAt }),
      set: { endedAt, expiresAt: expiryOf(this.#options.clock.now(), this.#options) },
    });
  }

  /** Whether the run has ended since `issuedAt`, when its system issued a token for it. Strongly consistent. */
  async hasEndedSince(run: RunKey, issuedAt: EpochMillis): Promise<boolean> {
    const item = await this.#table.get(keyOf(run));
    return item !== undefined && epochMillis(number(item, "endedAt")) >= issuedAt;
  }
}

/** Senders choose the names of runs, and they may be long. */
const keyOf = (run: RunKey): ItemKey => ({ pk: `ended-run#${hash("sha256", run, "base64url")}`, sk: "head" });
