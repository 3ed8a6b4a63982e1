import { type EpochMillis, epochMillis } from "../host/clock.ts";
import type { Credential } from "../model/credential.ts";
import { expiryOf, number, type Retention, text } from "./fields.ts";
import { collect } from "./streams.ts";
import { absentOr, type Item, type Table } from "./table.ts";

export interface CredentialUse extends Credential {
  /** The real last use may be up to an hour later, see `delivery/credential-usage.ts`. */
  readonly lastUsedAt: EpochMillis;
}

/**
 * When each credential was last used. All uses are in one partition: they are few, each is written at most once an hour,
 * and they are read together. Every method throws `store_unavailable`.
 */
export class CredentialUsageStore {
  readonly #table: Table;
  readonly #options: Retention;

  constructor(table: Table, options: Retention) {
    this.#table = table;
    this.#options = options;
  }

  /** Stores the later of two uses of one credential, in any order of the calls. */
  async record(use: CredentialUse): Promise<void> {
    const { kind, name, method, credential, lastUsedAt } = use;
    // An update, so that a function with only the right to update can record a use.
    await this.#table.change(
      // The name of a source, target or method contains no `#`, so no two credentials share a key.
      { pk: PARTITION, sk: `${kind}#${name}#${method}#${credential}` },
      {
        condition: absentOr({ field: "lastUsedAt", is: "<", value: lastUsedAt }),
        set: { kind, name, method, credential, lastUsedAt, expiresAt: expiryOf(lastUsedAt, this.#options) },
      },
    );
  }

  /** Ordered by kind, name, method and credential. */
  list(): Promise<readonly CredentialUse[]> {
    return collect(this.#table.select({ partition: PARTITION }), useOf);
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
