import type { EpochMillis } from "../host/clock.ts";

/** Counts of requests, for limits that hold over all copies of the bridge. Throws `store_unavailable`. */
export interface RateLimitStore {
  /** Counts one more in the minute that `now` is in; false, and no change, when `limit` are counted already. */
  count(bucket: readonly string[], now: EpochMillis, limit: number): Promise<boolean>;
}
