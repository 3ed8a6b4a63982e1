import type { Principal } from "../delivery/principal.ts";
import type { Result } from "../delivery/result.ts";

/** A token that passed every check of one trust entry. */
export interface VerifiedToken {
  readonly principal: Principal;
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface TokenVerifier {
  /**
   * Verifies a compact JWS against the trust entries named, picked by the token's exact issuer among them and no others.
   * Keys come from the entry, never from the token. Refusals are returned; `keys_unavailable` is thrown when the issuer's
   * keys cannot be had, because that is not the caller's doing.
   */
  verify(token: string, trustEntries: readonly string[]): Promise<Result<VerifiedToken>>;
}
