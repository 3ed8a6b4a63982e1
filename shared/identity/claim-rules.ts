import type { Rejection } from "../delivery/rejection.ts";
import type { TrustEntry } from "./trust-entry.ts";

/**
 * The first rule of a trust entry that the verified claims do not meet. A claim that is no text meets none, and a `sub`
 * that is no text (RFC 7519 §4.1.2) is refused without a rule, because it becomes the principal's subject.
 */
export function refuseClaims(
  claims: Readonly<Record<string, unknown>>,
  rules: TrustEntry["claims"],
): Rejection | undefined {
  if (claims["sub"] !== undefined && typeof claims["sub"] !== "string")
    return { reason: "claim_mismatch", claim: "sub" };
  for (const { path, equals } of rules) {
    const value = claimAt(claims, path);
    const claim = path.join(".");
    if (value === undefined) return { reason: "claim_missing", claim };
    if (typeof value !== "string" || !equals.includes(value)) return { reason: "claim_mismatch", claim };
  }
  return undefined;
}

/** The value at a path of member names. Only members of the token itself count, never what every object inherits. */
export function claimAt(claims: Readonly<Record<string, unknown>>, path: readonly string[]): unknown {
  let value: unknown = claims;
  for (const name of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = Reflect.get(value, name);
  }
  return value;
}
