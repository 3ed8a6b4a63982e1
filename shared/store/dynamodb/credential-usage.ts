import { epochMillis } from "../../host/clock.ts";
import type { CredentialUsageStore, CredentialUse } from "../credential-usage.ts";
import { expiryOf, number, type Retention, text } from "./fields.ts";
import type { Item } from "./item.ts";
import { TABLE } from "./key-schema.ts";
import { collect } from "./streams.ts";
import type { DynamoDbTable } from "./table.ts";

/** All uses are in one partition: they are few, each is written at most once an hour, and they are read together. */
export class DynamoDbCredentialUsage implements CredentialUsageStore {
  readonly #table: DynamoDbTable;
  readonly #options: Retention;

  constructor(table: DynamoDbTable, options: Retention) {
    this.#table = table;
    this.#options = options;
  }

  async record(use: CredentialUse): Promise<void> {
    const { kind, name, method, credential, lastUsedAt } = use;
    // An update, so that a function with only the right to update can record a use.
    await this.#table.change(
      // The name of a source, target or method contains no `#`, so no two credentials share a key.
      { pk: PARTITION, sk: `${kind}#${name}#${method}#${credential}` },
      {
        text: "SET #kind = :kind, #name = :name, #method = :method, #credential = :credential, #last = :last, #expiresAt = :expiresAt",
        condition: "attribute_not_exists(#last) OR #last < :last",
        names: {
          "#kind": "kind",
          "#name": "name",
          "#method": "method",
          "#credential": "credential",
          "#last": "lastUsedAt",
          "#expiresAt": TABLE.timeToLive,
        },
        values: {
          ":kind": kind,
          ":name": name,
          ":method": method,
          ":credential": credential,
          ":last": lastUsedAt,
          ":expiresAt": expiryOf(lastUsedAt, this.#options),
        },
      },
    );
  }

  list(): Promise<readonly CredentialUse[]> {
    const names = { "#pk": TABLE.partitionKey };
    return collect(this.#table.select({ text: "#pk = :pk", names, values: { ":pk": PARTITION } }), useOf);
  }
}

const PARTITION = "credentials";

const useOf = (item: Item): CredentialUse => ({
  // Written by `record` from the same type.
  kind: text(item, "kind") as CredentialUse["kind"],
  name: text(item, "name"),
  method: text(item, "method"),
  credential: text(item, "credential"),
  lastUsedAt: epochMillis(number(item, "lastUsedAt")),
});
