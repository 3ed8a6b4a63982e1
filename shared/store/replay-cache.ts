import type { EpochSeconds } from "../host/clock.ts";

/** Tokens that are good for one use, over all copies of the bridge. Throws `store_unavailable`. */
export interface ReplayCache {
  /**
   * Takes a token for one use, and remembers it until `until` at least. Atomic: of any number of uses at once one has it.
   * False when another use has taken it; the use that has it may take it again, so that a repeat is harmless.
   */
  take(token: string, use: string, until: EpochSeconds): Promise<boolean>;
}
