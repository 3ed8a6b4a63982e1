import type { EpochMillis } from "../host/clock.ts";
import { expiryOf, number, type Retention } from "./fields.ts";
import { absentOr, type Table } from "./table.ts";

/** An account of a site, as the site's events name it. */
export interface SiteAccount {
  /** The site's base address. */
  readonly site: string;
  readonly account: string;
}

/**
 * What identifies an account. A user key of Data Center is a random number: it needs no site, which source and target may
 * spell differently (another host name of the same server, a proxy), and its case does not matter. Any other account
 * belongs to its site, whose host may be in upper or lower case and may name its usual port.
 */
function accountKeyOf({ site, account }: SiteAccount): string {
  if (/^[\da-f]{32}$/i.test(account)) return account.toLowerCase();
  return `${account}#${URL.canParse(site) ? new URL(site).href : site}`;
}

/**
 * The accounts with which the bridge itself writes to sites: what they do must start nothing, or each write would start the
 * next one. An item outlives its account's time by as long as deliveries are kept: a delivery may be published late. Every
 * method throws `store_unavailable`.
 */
export class OwnAccountStore {
  readonly #table: Table;
  readonly #options: Retention;

  constructor(table: Table, options: Retention) {
    this.#table = table;
    this.#options = options;
  }

  /** Records that the bridge writes with the account until `until`. The latest one counts, in whatever order they come. */
  async record(own: SiteAccount, until: EpochMillis): Promise<void> {
    await this.#table.change(keyOf(own), {
      condition: absentOr({ field: "ownUntil", is: "<", value: until }),
      set: { ownUntil: until, expiresAt: expiryOf(until, this.#options) },
    });
  }

  /** Whether the account was the bridge's own at `at`. Strongly consistent: true as soon as {@link record} has returned. */
  async isOwn(author: SiteAccount, at: EpochMillis): Promise<boolean> {
    const item = await this.#table.get(keyOf(author));
    return item !== undefined && number(item, "ownUntil") > at;
  }
}

const keyOf = (account: SiteAccount) => ({ pk: `account#${accountKeyOf(account)}`, sk: "head" });
