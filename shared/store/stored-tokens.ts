import type { EpochSeconds } from "../host/clock.ts";

/**
 * One encrypted token for each source. The encryption key is not in the store. Every method throws `store_unavailable`.
 */
export interface StoredTokenStore {
  /** Stores the encrypted token of the source that expires last, in any order of the calls. */
  keep(source: string, encrypted: string, until: EpochSeconds): Promise<void>;
  /** Undefined if no token is stored, or if the stored one has expired at `now`. */
  find(source: string, now: EpochSeconds): Promise<string | undefined>;
}
