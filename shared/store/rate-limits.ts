import type { EpochMillis } from "../host/clock.ts";

/** Request counts, for rate limits over all instances of the bridge. Throws `store_unavailable`. */
export interface RateLimitStore {
  /** Counts one request in the minute of `now`. False, and no change, if `limit` requests are already counted. */
  count(bucket: readonly string[], now: EpochMillis, limit: number): Promise<boolean>;
}
