import type { Principal } from "../model/principal.ts";
import type { Rejection } from "../model/rejection.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import { holderOf } from "./holder.ts";
import type { Part, Policy } from "./policy.ts";
import type { TokenRequest } from "./presented-token.ts";
import type { TokenVerifier, VerifiedToken } from "./token-verifier.ts";

export interface CallerDeps {
  readonly tokens: TokenVerifier;
  /** The trust entries whose tokens may earn a role. */
  readonly trustEntries: readonly string[];
  readonly policy: Pick<Policy, "rejectCall">;
  /** The principal of a request with the roles that it holds for a time, too. */
  readonly withAccess: (principal: Principal, request: Requested) => Promise<Principal>;
  /** The rejection of a proved principal that is over its rate limit; undefined below it. */
  readonly rejectOverRate: (
    principal: Principal,
    request: Pick<ReceivedRequest, "counted">,
  ) => Promise<Rejection | undefined>;
}

type Requested = Pick<ReceivedRequest, "receivedAt" | "requestId" | "traceparent" | "counted">;

/**
 * Authenticates a caller of the bridge's own API: a verified token, a role for this part of the API, and a rate within
 * the limit. For `of a route`, `of a target` and `of an order` the role is checked later, when its name is known. Roles that
 * are held for a time count, except `for a time`: who holds one requests and grants none because of it. A token that only
 * shadow mode accepted is rejected here for the reason that shadow mode did not enforce, because such a token has no
 * roles.
 */
export async function callerOf(
  request: TokenRequest & Requested,
  part: Part | "of a route" | "of a target" | "of an order" | "for a time",
  deps: CallerDeps,
): Promise<Result<VerifiedToken>> {
  const verified = await holderOf(request, deps);
  if (!verified.ok) return verified;
  const { shadowRejection } = verified.value;
  const principal =
    part === "for a time" ? verified.value.principal : await deps.withAccess(verified.value.principal, request);
  const forbidden = isOfName(part) ? undefined : deps.policy.rejectCall(principal, part, "anything");
  const rejection = shadowRejection ?? forbidden ?? (await deps.rejectOverRate(principal, request));
  return rejection ? reject(rejection, principal) : ok({ ...verified.value, principal });
}

const isOfName = (part: string): part is Exclude<Parameters<typeof callerOf>[1], Part> =>
  part.startsWith("of ") || part === "for a time";
