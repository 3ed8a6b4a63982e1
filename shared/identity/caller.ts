import type { Principal } from "../model/principal.ts";
import type { Rejection } from "../model/rejection.ts";
import { type Result, reject } from "../model/result.ts";
import type { Part, Policy } from "./policy.ts";
import { presentedToken, type TokenRequest } from "./presented-token.ts";
import type { TokenVerifier, VerifiedToken } from "./token-verifier.ts";

export interface CallerDeps {
  readonly tokens: TokenVerifier;
  /** The trust entries whose tokens may earn a role. */
  readonly trustEntries: readonly string[];
  readonly policy: Pick<Policy, "rejectCall">;
  /** The rejection of a proved principal that is over its rate limit; undefined below it. */
  readonly rejectOverRate: (principal: Principal) => Promise<Rejection | undefined>;
}

/**
 * Authenticates a caller of the bridge's own API: a verified token, a role for this part of the API, and a rate within
 * the limit. For `of a route`, `of a target` and `of an order`
 * the role is checked later, when its name is known. A token that only
 * shadow mode accepted is rejected here for the reason that shadow mode did not enforce, because such a token has no
 * roles.
 */
export async function callerOf(
  request: TokenRequest,
  part: Part | "of a route" | "of a target" | "of an order",
  deps: CallerDeps,
): Promise<Result<VerifiedToken>> {
  const verified = await holderOf(request, deps);
  if (!verified.ok) return verified;
  const { principal, shadowRejection } = verified.value;
  const isLater = part === "of a route" || part === "of a target" || part === "of an order";
  const forbidden = isLater ? undefined : deps.policy.rejectCall(principal, part, "anything");
  const rejection = shadowRejection ?? forbidden ?? (await deps.rejectOverRate(principal));
  return rejection ? reject(rejection, principal) : verified;
}

/** Verifies the token of a request with any of the trust entries, without a check of its roles. */
export async function holderOf(
  request: TokenRequest,
  { tokens, trustEntries }: Pick<CallerDeps, "tokens" | "trustEntries">,
): Promise<Result<VerifiedToken>> {
  const presented = presentedToken(request);
  return presented.ok ? tokens.verify(presented.value, trustEntries) : presented;
}
