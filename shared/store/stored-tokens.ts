import type { EpochSeconds } from "../host/clock.ts";

/**
 * What is kept for a source in a form that the table cannot read: one text each. The key is elsewhere. Every method throws
 * `store_unavailable`.
 */
export interface StoredTokenStore {
  /** Keeps, of all that came for the source in whatever order, the one that ends last. */
  keep(source: string, sealed: string, until: EpochSeconds): Promise<void>;
  /** Nothing where nothing was kept, or what was has ended at `now`. */
  find(source: string, now: EpochSeconds): Promise<string | undefined>;
}
