import type { EpochMillis } from "../host/clock.ts";
import type { Credential } from "../model/credential.ts";

export interface CredentialUse extends Credential {
  /** It may have been used up to an hour later, see `delivery/credential-usage.ts`. */
  readonly lastUsedAt: EpochMillis;
}

/** When each credential was last used. Every method throws `store_unavailable`. */
export interface CredentialUsageStore {
  /** Keeps the later of two uses of one credential, in whatever order they come. */
  record(use: CredentialUse): Promise<void>;
  /** In order of kind, name, method and credential. */
  list(): Promise<readonly CredentialUse[]>;
}
