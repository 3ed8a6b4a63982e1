import type { EpochSeconds } from "../../host/clock.ts";
import type { StoredTokenStore } from "../stored-tokens.ts";
import { number, text } from "./fields.ts";
import { TABLE } from "./key-schema.ts";
import type { DynamoDbTable } from "./table.ts";

/** An item expires with the token in it, and not after the retention of other records. */
export class DynamoDbStoredTokens implements StoredTokenStore {
  readonly #table: DynamoDbTable;

  constructor(table: DynamoDbTable) {
    this.#table = table;
  }

  async keep(source: string, encrypted: string, until: EpochSeconds): Promise<void> {
    await this.#table.change(keyOf(source), {
      text: "SET #sealed = :sealed, #expiresAt = :until",
      condition: "attribute_not_exists(#expiresAt) OR #expiresAt < :until",
      names: { "#sealed": "sealed", "#expiresAt": TABLE.timeToLive },
      values: { ":sealed": encrypted, ":until": until },
    });
  }

  /** The expiry is checked, because DynamoDB may take days to delete an expired item. */
  async find(source: string, now: EpochSeconds): Promise<string | undefined> {
    const item = await this.#table.get(keyOf(source));
    return item !== undefined && number(item, TABLE.timeToLive) > now ? text(item, "sealed") : undefined;
  }
}

const keyOf = (source: string) => ({ pk: `seal#${source}`, sk: "head" });
