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
 * Who calls the bridge's own interface: proved by a token, with a role for this part of it, and within its rate. A part
 * that is none hangs on the role for a route, which is asked for when it is known. Shadow mode gives no role, so that what
 * it lets in is refused here, for the reason that it would be refused for anyway.
 */
export async function callerOf(
  request: TokenRequest,
  part: Part | "of a route",
  deps: CallerDeps,
): Promise<Result<VerifiedToken>> {
  const proved = await holderOf(request, deps);
  if (!proved.ok) return proved;
  const { principal, shadowRejection } = proved.value;
  const forbidden = part === "of a route" ? undefined : deps.policy.rejectCall(principal, part);
  const refusal = shadowRejection ?? forbidden ?? (await deps.rejectOverRate(principal));
  return refusal ? reject(refusal, principal) : proved;
}

/** Whose token came with a request, by any of the trust entries, whatever that lets it do. */
export async function holderOf(
  request: TokenRequest,
  { tokens, trustEntries }: Pick<CallerDeps, "tokens" | "trustEntries">,
): Promise<Result<VerifiedToken>> {
  const presented = presentedToken(request);
  return presented.ok ? tokens.verify(presented.value, trustEntries) : presented;
}
