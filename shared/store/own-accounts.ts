import type { EpochMillis } from "../host/clock.ts";

/** An account of a site, as the site's events name it. */
export interface SiteAccount {
  /** The site's base address. */
  readonly site: string;
  readonly account: string;
}

/**
 * The accounts with which the bridge itself writes to sites: what they do must start nothing, or each write would start the
 * next one. Every method throws `store_unavailable`.
 */
export interface OwnAccountStore {
  /** Records that the bridge writes with the account until `until`. The latest one counts, in whatever order they come. */
  record(own: SiteAccount, until: EpochMillis): Promise<void>;
  /** Whether the account was the bridge's own at `at`. Strongly consistent: true as soon as {@link record} has returned. */
  isOwn(author: SiteAccount, at: EpochMillis): Promise<boolean>;
}
