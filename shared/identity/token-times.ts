import type { EpochSeconds } from "../host/clock.ts";
import type { Rejection } from "../model/rejection.ts";

interface TimeLimits {
  readonly clockSkewSeconds: number;
  readonly maxLifetimeSeconds: number;
}

/** One check of a token's times (RFC 7519 §4.1.4 to §4.1.6): seconds since 1970, fractions allowed. */
type TimeCheck = (
  claims: Readonly<Record<string, unknown>>,
  limits: TimeLimits,
  now: EpochSeconds,
) => Rejection | undefined;

/** A token must end, and must not have ended: `1e999` reads as Infinity and would never. */
export const rejectExpired: TimeCheck = ({ exp }, { clockSkewSeconds }, now) => {
  if (exp === undefined) return { reason: "claim_missing", claim: "exp" };
  if (!isFiniteNumber(exp)) return { reason: "claim_mismatch", claim: "exp" };
  return exp <= now - clockSkewSeconds ? { reason: "token_expired", expiredBySeconds: now - exp } : undefined;
};

export const rejectNotYetValid: TimeCheck = ({ nbf }, { clockSkewSeconds }, now) =>
  refuseLater("nbf", nbf, now + clockSkewSeconds);

/** The standard lets an `iat` in the future pass; then a lifetime that counts from it could be stretched at will. */
export const rejectIssuedLater: TimeCheck = ({ iat }, { clockSkewSeconds }, now) =>
  refuseLater("iat", iat, now + clockSkewSeconds);

/** Counts from `iat`, and without one from now. A token that ends before it begins is none. */
export const rejectLongLife: TimeCheck = ({ exp, iat }, { maxLifetimeSeconds }, now) => {
  if (isFiniteNumber(exp) && isFiniteNumber(iat) && exp < iat) return { reason: "claim_mismatch", claim: "exp" };
  const from = isFiniteNumber(iat) ? iat : now;
  const isTooLong = isFiniteNumber(exp) && exp - from > maxLifetimeSeconds;
  return isTooLong ? { reason: "token_lifetime_too_long", limitSeconds: maxLifetimeSeconds } : undefined;
};

/** The first refusal of all four. */
export const rejectTimes: TimeCheck = (...given) =>
  rejectExpired(...given) ?? rejectNotYetValid(...given) ?? rejectIssuedLater(...given) ?? rejectLongLife(...given);

function refuseLater(claim: string, time: unknown, latest: number): Rejection | undefined {
  if (time === undefined) return undefined;
  if (!isFiniteNumber(time)) return { reason: "claim_mismatch", claim };
  return time > latest ? { reason: "token_not_yet_valid", claim } : undefined;
}

const isFiniteNumber = (value: unknown): value is number => Number.isFinite(value);
