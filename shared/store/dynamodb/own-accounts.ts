import type { EpochMillis } from "../../host/clock.ts";
import { accountKeyOf, type OwnAccountStore, type SiteAccount } from "../own-accounts.ts";
import { expiryOf, number, type Retention } from "./fields.ts";
import { TABLE } from "./key-schema.ts";
import type { DynamoDbTable } from "./table.ts";

/** An item outlives its account's time by as long as deliveries are kept: a delivery may be published late. */
export class DynamoDbOwnAccounts implements OwnAccountStore {
  readonly #table: DynamoDbTable;
  readonly #options: Retention;

  constructor(table: DynamoDbTable, options: Retention) {
    this.#table = table;
    this.#options = options;
  }

  async record(own: SiteAccount, until: EpochMillis): Promise<void> {
    await this.#table.change(keyOf(own), {
      text: "SET #until = :until, #expiresAt = :expiresAt",
      condition: "attribute_not_exists(#until) OR #until < :until",
      names: { "#until": "ownUntil", "#expiresAt": TABLE.timeToLive },
      values: { ":until": until, ":expiresAt": expiryOf(until, this.#options) },
    });
  }

  async isOwn(author: SiteAccount, at: EpochMillis): Promise<boolean> {
    const item = await this.#table.get(keyOf(author));
    return item !== undefined && number(item, "ownUntil") > at;
  }
}

const keyOf = (account: SiteAccount) => ({ pk: `account#${accountKeyOf(account)}`, sk: "head" });
