/**
 * Why a request was refused, with just the facts an operator would ask for. One member per reason; the reason is what
 * logs and metrics carry. What a caller is told is decided in one place, `http/problem.ts`, and says far less.
 */
export type Rejection = RequestRejection | UnprovedRejection | DeniedRejection;

export type RejectionReason = Rejection["reason"];

/** The request itself is not one that can be answered. */
type RequestRejection =
  | { readonly reason: "source_unknown" }
  | { readonly reason: "method_not_allowed"; readonly allowed: string }
  | { readonly reason: "body_too_large"; readonly limitBytes: number }
  | { readonly reason: "content_type_unsupported"; readonly expected: string }
  | { readonly reason: "charset_unsupported" }
  | { readonly reason: "content_encoding_unsupported" }
  | { readonly reason: "query_invalid"; readonly parameter: string; readonly expected: string }
  | { readonly reason: "body_invalid"; readonly problem: string }
  | { readonly reason: "delivery_unknown" }
  | { readonly reason: "approval_unknown" }
  // In the console.
  | { readonly reason: "sign_in_failed"; readonly problem: string }
  | { readonly reason: "form_forged"; readonly problem: string };

/** The caller is not proved. None is told why. */
export type UnprovedRejection =
  // By a shared secret. `header` names the header that was looked at, never its value.
  | { readonly reason: "credential_missing"; readonly header: string }
  | { readonly reason: "credential_malformed"; readonly header: string }
  | { readonly reason: "signature_mismatch"; readonly header: string }
  | { readonly reason: "secret_mismatch"; readonly header: string }
  // The sender signed, and the source has no secret to check that with: it is never let pass on a weaker credential.
  | { readonly reason: "signature_unverifiable"; readonly header: string }
  | { readonly reason: "timestamp_outside_window"; readonly skewSeconds: number; readonly limitSeconds: number }
  // By a token.
  | { readonly reason: "token_malformed"; readonly detail: string }
  | { readonly reason: "token_too_large"; readonly limitBytes: number }
  | { readonly reason: "token_header_forbidden"; readonly parameter: string }
  | { readonly reason: "issuer_unknown" }
  | { readonly reason: "algorithm_not_allowed" }
  | { readonly reason: "key_unknown" }
  | { readonly reason: "token_signature_invalid" }
  | { readonly reason: "token_expired"; readonly expiredBySeconds: number }
  | { readonly reason: "token_not_yet_valid"; readonly claim: string }
  | { readonly reason: "token_lifetime_too_long"; readonly limitSeconds: number }
  // `got` is what the issuer signed, cut short; absent where nothing is proved.
  | { readonly reason: "audience_mismatch"; readonly expected: string; readonly got?: string }
  | { readonly reason: "claim_missing"; readonly claim: string }
  | { readonly reason: "claim_mismatch"; readonly claim: string }
  | { readonly reason: "token_type_mismatch"; readonly expected: string }
  | { readonly reason: "proof_missing"; readonly expected: string }
  | { readonly reason: "proof_invalid"; readonly detail: string }
  | { readonly reason: "token_replayed" }
  | { readonly reason: "body_digest_mismatch"; readonly claim: string }
  | { readonly reason: "query_hash_mismatch" };

/** The caller is proved, and may not do this, or not as things stand. */
export type DeniedRejection =
  // The issuer signs for all its customers, and this one is not ours.
  | { readonly reason: "tenant_mismatch"; readonly claim: string }
  // The issuer left the groups out of the token, so that no rule about them can be decided.
  | { readonly reason: "groups_omitted" }
  | { readonly reason: "role_missing"; readonly role: string }
  | { readonly reason: "self_approval" }
  // `at`: when it was fired.
  | { readonly reason: "approval_closed"; readonly state: string; readonly by: string; readonly at?: string }
  | { readonly reason: "approvals_too_many"; readonly limit: number }
  | { readonly reason: "approval_outdated" }
  | { readonly reason: "replay_impossible"; readonly problem: string }
  | { readonly reason: "rollback_impossible"; readonly problem: string }
  | { readonly reason: "rate_exceeded"; readonly role: string; readonly retryAfterSeconds: number };
