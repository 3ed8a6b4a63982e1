import type { EpochSeconds } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { absentOr, type Table } from "./table.ts";

/** The ids of used single-use tokens and DPoP proofs, over all instances of the bridge. Throws `store_unavailable`. */
export class ReplayCache {
  readonly #table: Table;

  constructor(table: Table) {
    this.#table = table;
  }

  /**
   * Takes a token for one use, and stores that at least until `until`. Atomic: of any number of concurrent uses one
   * returns true. False if another use has taken the token; the same use may take it again, so that a repeat is
   * harmless.
   */
  async take(token: string, use: string, until: EpochSeconds): Promise<boolean> {
    const before = await this.#table.change(
      { pk: `seen#${token}`, sk: "head" },
      {
        condition: absentOr({ field: "use", is: "=", value: use }),
        set: { use, expiresAt: until },
      },
    );
    return before !== undefined;
  }
}

/**
 * For a command that signs or checks but receives nothing: without a store, single use of a token cannot be enforced.
 */
export const noReplayCache: Pick<ReplayCache, "take"> = {
  take: async () => {
    throw new Fault("configuration_invalid", "there is no store for single-use tokens", { retryable: false });
  },
};
