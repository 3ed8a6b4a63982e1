import type { EpochSeconds } from "../host/clock.ts";
import type { Rejection } from "../model/rejection.ts";

interface TimeLimits {
  readonly clockSkewSeconds: number;
  readonly maxLifetimeSeconds: number;
}

/** One check of the times of a token (RFC 7519 §4.1.4 to §4.1.6), in seconds since 1970, fractions allowed. */
type TimeCheck = (
  claims: Readonly<Record<string, unknown>>,
  limits: TimeLimits,
  now: EpochSeconds,
) => Rejection | undefined;

/** A token must have an `exp` that has not passed. A value such as `1e999` parses as Infinity and is rejected. */
export const rejectExpired: TimeCheck = ({ exp }, { clockSkewSeconds }, now) => {
  if (exp === undefined) return { reason: "claim_missing", claim: "exp" };
  if (!isFiniteNumber(exp)) return { reason: "claim_mismatch", claim: "exp" };
  return exp <= now - clockSkewSeconds ? { reason: "token_expired", expiredBySeconds: now - exp } : undefined;
};

export const rejectNotYetValid: TimeCheck = ({ nbf }, { clockSkewSeconds }, now) =>
  rejectLater("nbf", nbf, now + clockSkewSeconds);

/** The standard allows an `iat` in the future, but then a lifetime that counts from it has no bound. */
export const rejectIssuedLater: TimeCheck = ({ iat }, { clockSkewSeconds }, now) =>
  rejectLater("iat", iat, now + clockSkewSeconds);

/** Limits the lifetime, from `iat` or, if it is missing, from now. A token with `exp` before `iat` is rejected. */
export const rejectLongLife: TimeCheck = ({ exp, iat }, { maxLifetimeSeconds }, now) => {
  if (isFiniteNumber(exp) && isFiniteNumber(iat) && exp < iat) return { reason: "claim_mismatch", claim: "exp" };
  const from = isFiniteNumber(iat) ? iat : now;
  const isTooLong = isFiniteNumber(exp) && exp - from > maxLifetimeSeconds;
  return isTooLong ? { reason: "token_lifetime_too_long", limitSeconds: maxLifetimeSeconds } : undefined;
};

/** Returns the first rejection of all four checks. */
export const rejectTimes: TimeCheck = (...token) =>
  rejectExpired(...token) ?? rejectNotYetValid(...token) ?? rejectIssuedLater(...token) ?? rejectLongLife(...token);

function rejectLater(claim: string, time: unknown, latest: number): Rejection | undefined {
  if (time === undefined) return undefined;
  if (!isFiniteNumber(time)) return { reason: "claim_mismatch", claim };
  return time > latest ? { reason: "token_not_yet_valid", claim } : undefined;
}

const isFiniteNumber = (value: unknown): value is number => Number.isFinite(value);
