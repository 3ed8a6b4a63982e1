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
    return (await this.take(bucket, now, limit)) !== undefined;
  }

  /** As {@link count}. Returns how many more requests the minute has; undefined if it had none. */
  async take(bucket: readonly string[], now: EpochMillis, limit: number): Promise<number | undefined> {
    const before = await this.#table.change(keyOf(bucket, now), {
      condition: absentOr({ field: "count", is: "<", value: limit }),
      add: { count: 1 },
      set: { expiresAt: toSeconds(now) + RETENTION_SECONDS },
    });
    return before && limit - 1 - Number(before["count"] ?? 0);
  }

  /** Takes back what {@link count} counted at `now`. No change if nothing is counted in that minute. */
  async uncount(bucket: readonly string[], now: EpochMillis): Promise<void> {
    await this.#table.change(keyOf(bucket, now), {
      condition: { field: "count", is: ">", value: 0 },
      add: { count: -1 },
    });
  }
}

const keyOf = (bucket: readonly string[], now: EpochMillis) => ({
  pk: `rate#${JSON.stringify(bucket)}`,
  sk: String(Math.floor(now / MINUTE_MS)),
});

const MINUTE_MS = 60_000;
/** A count is not used after its minute. */
const RETENTION_SECONDS = 300;
