import type { EpochSeconds } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";

/** Tokens that are good for one use, over all copies of the bridge. Throws `store_unavailable`. */
export interface ReplayCache {
  /**
   * Takes a token for one use, and remembers it until `until` at least. Atomic: of any number of uses at once one has it.
   * False when another use has taken it; the use that has it may take it again, so that a repeat is harmless.
   */
  take(token: string, use: string, until: EpochSeconds): Promise<boolean>;
}

/** For a command that signs or checks and receives nothing: without a store no token can be shown to be used once. */
export const noReplayCache: ReplayCache = {
  take: async () => {
    throw new Fault("configuration_invalid", "there is no store for tokens that are used once", { retryable: false });
  },
};
