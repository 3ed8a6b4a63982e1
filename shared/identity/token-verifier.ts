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
   * Verifies a compact JWS against the trust entries named, picked by the token's exact issuer among them and no others,
   * and holds it against the request it came with where its entry wants it bound. Keys come from the entry, never from the
   * token. Refusals are returned, with `by` as {@link Result} says; `keys_unavailable` is thrown when the issuer's
   * keys cannot be had, because that is not the caller's doing.
   */
  verify(presented: PresentedToken, trustEntries: readonly string[]): Promise<Result<VerifiedToken>>;
}
