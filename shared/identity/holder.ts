import type { Result } from "../model/result.ts";
import { presentedToken, type TokenRequest } from "./presented-token.ts";
import type { TokenVerifier, VerifiedToken } from "./token-verifier.ts";

/**
 * Verifies the token of a request with any of the trust entries, without a check of its roles. A module of its own: what
 * takes webhooks loads it at its start, and the rest of what a call needs with the first call.
 */
export async function holderOf(
  request: TokenRequest,
  { tokens, trustEntries }: { readonly tokens: TokenVerifier; readonly trustEntries: readonly string[] },
): Promise<Result<VerifiedToken>> {
  const presented = presentedToken(request);
  return presented.ok ? tokens.verify(presented.value, trustEntries) : presented;
}
