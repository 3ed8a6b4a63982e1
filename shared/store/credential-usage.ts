import type { EpochMillis } from "../host/clock.ts";
import type { Credential } from "../model/credential.ts";

export interface CredentialUse extends Credential {
  /** The real last use may be up to an hour later, see `delivery/credential-usage.ts`. */
  readonly lastUsedAt: EpochMillis;
}

/** When each credential was last used. Every method throws `store_unavailable`. */
export interface CredentialUsageStore {
  /** Stores the later of two uses of one credential, in any order of the calls. */
  record(use: CredentialUse): Promise<void>;
  /** Ordered by kind, name, method and credential. */
  list(): Promise<readonly CredentialUse[]>;
}
