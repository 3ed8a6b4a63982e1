import type { Clock } from "../host/clock.ts";
import type { Policy } from "../identity/policy.ts";
import type { TrustEntry } from "../identity/trust-entry.ts";
import type { Principal } from "../model/principal.ts";
import type { Rejection } from "../model/rejection.ts";
import type { ReceivedRequest } from "../model/request.ts";
import type { RateLimitStore } from "../store/rate-limits.ts";

export interface RateDeps {
  readonly issuers: Readonly<Record<string, Pick<TrustEntry, "mode" | "roles">>>;
  readonly policy: Pick<Policy, "limitsOf">;
  readonly rateLimits: RateLimitStore;
  readonly clock: Clock;
}

const MINUTE_MS = 60_000;

/**
 * Counts a request of a proved principal, once for each of its roles that has a limit: one write each, and none if no
 * limit is configured. A principal that a trust entry in shadow mode accepted without a role counts for all roles of
 * the entry: otherwise a token that fails a check could ask more often than a valid one. A request over the limit of one
 * role uses up none of the others, which other principals may share. Throws `store_unavailable`.
 */
export async function rejectOverRate(
  principal: Principal,
  request: Pick<ReceivedRequest, "counted">,
  { issuers, policy, rateLimits, clock }: RateDeps,
): Promise<Rejection | undefined> {
  const now = clock.now();
  const entry = issuers[principal.trustEntry ?? ""];
  const isShadowed = entry?.mode === "shadow" && principal.roles.length === 0;
  const roles = isShadowed ? entry.roles.map(({ role }) => role) : principal.roles;
  const taken: (readonly string[])[] = [];
  for (const { role, bucket, perMinute } of policy.limitsOf({ ...principal, roles })) {
    const left = await rateLimits.take(bucket, now, perMinute);
    const resetSeconds = Math.ceil((MINUTE_MS - (now % MINUTE_MS)) / 1000);
    request.counted?.({ limit: perMinute, remaining: left ?? 0, resetSeconds });
    if (left === undefined) {
      await Promise.all(taken.map((one) => rateLimits.uncount(one, now)));
      return { reason: "rate_exceeded", role, perMinute, retryAfterSeconds: resetSeconds };
    }
    taken.push(bucket);
  }
  return undefined;
}
