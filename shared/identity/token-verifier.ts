import { Fault } from "../host/fault.ts";
import type { Proof } from "../model/authentic-delivery.ts";
import type { Principal } from "../model/principal.ts";
import type { Result } from "../model/result.ts";
import type { PresentedToken } from "./presented-token.ts";

/** A token that passed every check of one trust entry. */
export interface VerifiedToken extends Proof {
  readonly principal: Principal;
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface TokenVerifier {
  /**
   * Verifies a compact JWS with those of the named trust entries whose issuer is exactly the token's, and checks its
   * binding to the request if its entry or its issuer requires that. Keys come from the entry, never from the token.
   * Rejections are returned, with `by` as in {@link Result}. Throws `keys_unavailable` if the issuer's keys cannot be
   * loaded, because the caller does not cause that.
   */
  verify(presented: PresentedToken, trustEntries: readonly string[]): Promise<Result<VerifiedToken>>;
}

/** A verifier that says which of its issuers cannot be asked. */
export interface WatchedTokenVerifier extends TokenVerifier {
  /** Names of the trust entries whose keys could not be loaded when a token last needed them, within ten minutes. */
  unreadable(): readonly string[];
}

/** For a function that takes no requests, so that it loads no code to verify one. Throws `configuration_invalid`. */
export const noTokenVerifier: TokenVerifier = {
  verify: async () => {
    throw new Fault("configuration_invalid", "this function verifies no tokens", { retryable: false });
  },
};
