import type { Rejection } from "../delivery/rejection.ts";
import type { EpochSeconds } from "../host/clock.ts";

interface TimeLimits {
  readonly now: EpochSeconds;
  readonly clockSkewSeconds: number;
  readonly maxLifetimeSeconds: number;
}

/**
 * What jose leaves open about a verified token's times (RFC 7519 §4.1): `1e999` reads as Infinity and never expires, an
 * `iat` in the future passes, and no lifetime is too long. Without `iat` the lifetime counts from now.
 */
export function refuseTimes(claims: Readonly<Record<string, unknown>>, limits: TimeLimits): Rejection | undefined {
  const { now, clockSkewSeconds, maxLifetimeSeconds } = limits;
  const { exp, iat = now, nbf = now } = claims;
  if (!isFiniteNumber(exp)) return { reason: "claim_mismatch", claim: "exp" };
  if (!isFiniteNumber(iat)) return { reason: "claim_mismatch", claim: "iat" };
  if (!isFiniteNumber(nbf)) return { reason: "claim_mismatch", claim: "nbf" };
  if (iat > now + clockSkewSeconds) return { reason: "token_not_yet_valid", claim: "iat" };
  if (exp - iat > maxLifetimeSeconds) return { reason: "token_lifetime_too_long", limitSeconds: maxLifetimeSeconds };
  return undefined;
}

const isFiniteNumber = (value: unknown): value is number => Number.isFinite(value);
