import type { EpochSeconds } from "../host/clock.ts";
import { number, text } from "./fields.ts";
import { TABLE } from "./key-schema.ts";
import { absentOr, type Table } from "./table.ts";

/**
 * One encrypted token for each source. The encryption key is not in the store. An item expires with the token in it, and
 * not after the retention of other records. Every method throws `store_unavailable`.
 */
export class StoredTokenStore {
  readonly #table: Table;

  constructor(table: Table) {
    this.#table = table;
  }

  /** Stores the encrypted token of the source that expires last, in any order of the calls. */
  async keep(source: string, encrypted: string, until: EpochSeconds): Promise<void> {
    await this.#table.change(keyOf(source), {
      condition: absentOr({ field: TABLE.timeToLive, is: "<", value: until }),
      set: { sealed: encrypted, [TABLE.timeToLive]: until },
    });
  }

  /**
   * Undefined if no token is stored, or if the stored one has expired at `now`. The expiry is checked, because an expired
   * item may be deleted days later.
   */
  async find(source: string, now: EpochSeconds): Promise<string | undefined> {
    const item = await this.#table.get(keyOf(source));
    return item !== undefined && number(item, TABLE.timeToLive) > now ? text(item, "sealed") : undefined;
  }
}

const keyOf = (source: string) => ({ pk: `seal#${source}`, sk: "head" });
