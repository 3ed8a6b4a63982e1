import { errors } from "jose";
import type { Rejection } from "../delivery/rejection.ts";
import type { EpochSeconds } from "../host/clock.ts";

/** What a refusal may tell: nothing of the token itself but the name of a claim. */
interface RefusalContext {
  readonly claims: Readonly<Record<string, unknown>>;
  readonly audience: readonly string[];
  readonly now: EpochSeconds;
}

/**
 * The rejection that an error of jose's `jwtVerify` stands for; nothing when the token is not to blame. The error itself
 * goes no further: it carries every claim.
 */
export function rejectionOf(error: unknown, context: RefusalContext): Rejection | undefined {
  if (!(error instanceof errors.JOSEError)) return undefined;
  if (error instanceof errors.JWTClaimValidationFailed) return claimRejection(error, context);
  switch (error.code) {
    case "ERR_JWS_INVALID":
    case "ERR_JWT_INVALID":
      return { reason: "token_malformed", detail: "not a JWT in a compact JWS" };
    case "ERR_JOSE_ALG_NOT_ALLOWED":
    case "ERR_JOSE_NOT_SUPPORTED":
      return { reason: "algorithm_not_allowed" };
    case "ERR_JWKS_NO_MATCHING_KEY":
    case "ERR_JWKS_MULTIPLE_MATCHING_KEYS":
      return { reason: "key_unknown" };
    case "ERR_JWS_SIGNATURE_VERIFICATION_FAILED":
      return { reason: "token_signature_invalid" };
    case "ERR_JWT_EXPIRED":
      return { reason: "token_expired", expiredBySeconds: context.now - Number(context.claims["exp"]) };
    default:
      return undefined;
  }
}

function claimRejection(error: errors.JWTClaimValidationFailed, context: RefusalContext): Rejection {
  const { claim, reason } = error;
  if (reason === "missing") return { reason: "claim_missing", claim };
  if (reason === "check_failed" && claim === "nbf") return { reason: "token_not_yet_valid", claim };
  if (claim === "aud") return { reason: "audience_mismatch", expected: context.audience.join(" or ") };
  return { reason: "claim_mismatch", claim };
}
