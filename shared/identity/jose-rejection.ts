import { JOSEError } from "jose/errors";
import type { Rejection } from "../model/rejection.ts";

/**
 * Maps an error of jose, thrown when it finds a key or verifies, to a rejection; undefined if the token did not cause
 * the error.
 */
export function rejectionOf(error: unknown): Rejection | undefined {
  if (!(error instanceof JOSEError)) return undefined;
  switch (error.code) {
    case "ERR_JWS_INVALID":
      return { reason: "token_malformed", detail: "not a compact JWS" };
    case "ERR_JOSE_ALG_NOT_ALLOWED":
    case "ERR_JOSE_NOT_SUPPORTED":
      return { reason: "algorithm_not_allowed" };
    case "ERR_JWKS_NO_MATCHING_KEY":
    case "ERR_JWKS_MULTIPLE_MATCHING_KEYS":
      return { reason: "key_unknown" };
    case "ERR_JWS_SIGNATURE_VERIFICATION_FAILED":
      return { reason: "token_signature_invalid" };
    default:
      return undefined;
  }
}
