import type { Clock } from "../host/clock.ts";
import type { Policy } from "../identity/policy.ts";
import type { RateStore } from "../store/rates.ts";
import type { Principal } from "./principal.ts";
import type { Rejection } from "./rejection.ts";

export interface RateTools {
  readonly policy: Pick<Policy, "limitsOf">;
  readonly rates: RateStore;
  readonly clock: Clock;
}

const MINUTE_MS = 60_000;

/**
 * Counts a request of a proved principal, once for each of its roles that has a limit: one write each, and none where no
 * limit is configured. Throws `store_unavailable`.
 */
export async function refuseOverRate(
  principal: Principal,
  { policy, rates, clock }: RateTools,
): Promise<Rejection | undefined> {
  const now = clock.now();
  for (const { role, bucket, perMinute } of policy.limitsOf(principal)) {
    if (await rates.count(bucket, now, perMinute)) continue;
    return { reason: "rate_exceeded", role, retryAfterSeconds: Math.ceil((MINUTE_MS - (now % MINUTE_MS)) / 1000) };
  }
  return undefined;
}
