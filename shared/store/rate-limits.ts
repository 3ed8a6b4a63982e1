import { type EpochMillis, toSeconds } from "../host/clock.ts";
import { absentOr, type Table } from "./table.ts";

/** Request counts, for rate limits over all instances of the bridge. Throws `store_unavailable`. */
export class RateLimitStore {
  readonly #table: Table;

  constructor(table: Table) {
    this.#table = table;
  }

  /** Counts one request in the minute of `now`. False, and no change, if `limit` requests are already counted. */
  async count(bucket: readonly string[], now: EpochMillis, limit: number): Promise<boolean> {
    const minute = Math.floor(now / MINUTE_MS);
    const before = await this.#table.change(
      { pk: `rate#${JSON.stringify(bucket)}`, sk: String(minute) },
      {
        condition: absentOr({ field: "count", is: "<", value: limit }),
        add: { count: 1 },
        set: { expiresAt: toSeconds(now) + RETENTION_SECONDS },
      },
    );
    return before !== undefined;
  }
}

const MINUTE_MS = 60_000;
/** A count is not used after its minute. */
const RETENTION_SECONDS = 300;
