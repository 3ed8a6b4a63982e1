import type { Rejection, RejectionReason } from "./rejection.ts";

/**
 * What to do next about a refusal, by its reason: one sentence or two on what to change, and on which side. A name in
 * backticks is one that the refusal or the configuration uses. `docs/operations.md` carries the same texts, held by a test.
 */
export const HINTS: Readonly<Record<RejectionReason, string>> = {
  source_unknown:
    "compare the address at the sender with the names under `sources`; the log does not repeat what was asked for",
  method_not_allowed: "a person or a scanner, as a rule; else correct the sender",
  body_too_large: "raise `limits.bodyBytes` (at most 6 MiB), or have the sender tell less",
  content_type_unsupported: "set the content type at the sender; `expected` says which",
  charset_unsupported: "set the charset at the sender, or drop it",
  content_encoding_unsupported:
    "switch compression off at the sender or the proxy: signatures cover the bytes that arrive",
  query_invalid: "`parameter` and `expected` say which and what",
  body_invalid: "`problem` says which member of the body and what it must be; correct what sends it",
  delivery_unknown: "a slip of the pen, or older than `limits.retentionDays`",
  credential_missing:
    "see that the sender signs (GitLab and Confluence can be set up without a secret), and that no proxy drops the header",
  credential_malformed:
    "see that no proxy adds an `Authorization` or repeats a header; compare the way of signing with the source's settings",
  signature_mismatch:
    "compare the secret on both sides, and `next` if it is being changed; then look for a proxy that rewrites bodies",
  secret_mismatch: "compare the secret on both sides; many different in a row are somebody guessing",
  signature_unverifiable:
    "configure it (`signingToken` for GitLab, `signature` for Buildkite): a signed request is never let pass on a weaker credential",
  timestamp_outside_window:
    "look at both clocks; if they are right, the request was held up on its way or sent again by somebody",
  token_malformed: "the caller sends something else, an opaque token for example",
  token_too_large: "have the issuer put fewer claims into it",
  token_header_forbidden: "no issuer that is supported does that: find out who sends it",
  issuer_unknown:
    "compare `iss` with `issuer`, to the character and the closing slash; see that the source names the entry under `trust`",
  algorithm_not_allowed:
    "list it under `algorithms` if the issuer really uses it. Unless told, those of the preset are taken, and without one RS256 and ES256",
  key_unknown:
    "after a change of keys it passes within 30 s; else the token is another issuer's of the same name, or the `jwks` file is old",
  token_signature_invalid:
    "the token was changed, or is another cluster's with the same issuer and key id; for Connect, compare the secret with that of the latest installation",
  token_expired:
    "have the caller get a new token for each call; a few seconds are a matter of clocks (`clockSkewSeconds`)",
  token_not_yet_valid: "look at the issuer's clock and at ours",
  token_lifetime_too_long: "have it made shorter, or raise `maxLifetimeSeconds` of the entry, at most a day",
  audience_mismatch:
    "have the caller ask for the audience in `expected`. Do not add the other service's audience: its tokens would open this door",
  claim_missing: "compare the entry's `claims` with a token of the right sender",
  claim_mismatch:
    "it may be another tenant of a shared issuer, which is what pins are for; if it is ours, correct the pin",
  tenant_mismatch:
    "if the sender is ours, put the value that its token has there under `claims` of the entry, the id rather than the name; `drawbridge token explain` shows it",
  token_type_mismatch: "have the caller send the other token that its issuer gave it",
  groups_omitted:
    "at the issuer, have only the groups that are assigned to the application put into the token, or give roles by app roles instead",
  proof_missing:
    "for DPoP, have the caller send `Authorization: DPoP` and a `DPoP` header; for a certificate, see that TLS ends where the bridge can see it",
  proof_invalid:
    "look at the caller's DPoP library or certificate, at its clock, and for a proxy that changes address or method",
  token_replayed: "have the caller get a new token for each call. If it did, somebody else has the token",
  body_digest_mismatch:
    "have the digest made of the very bytes that are sent; then look for a proxy that rewrites bodies",
  query_hash_mismatch:
    "compare the source's `baseUrl` with that of the app's descriptor; a proxy must not change path or query",
  sign_in_failed:
    "`problem` says why; once it may be a page that lay open too long: sign in again. Always: compare client, secret and redirect address with the issuer's",
  form_forged: "load the page again and repeat it there; many of them are another site that tries",
  role_missing: "put the role under `roles` of the right entry, with `claims` that let in nobody else",
  self_approval: "have somebody else decide: who asked for a run does not approve it",
  approval_unknown: "a slip of the pen, or older than `limits.retentionDays`",
  approval_closed: "nothing is to be decided any more: `state` says what became of it, and `by` through whom",
  approvals_too_many: "decide by the approval's id, which the page and the delivery's timeline have",
  approval_outdated:
    "the page, the branch or the merge request has changed since the request: look at what it is now, and have it requested again",
  replay_impossible: "`problem` says why",
  rollback_impossible: "`problem` says why, and what is known; `to` may name a delivery to run again",
  rate_exceeded: "the answer's `Retry-After` says when; if it is meant to ask so often, raise `limit` of the role",
};

/** What to do next about a rejection. Claims that no rule of an entry asks for have hints of their own. */
export function hintOf(rejection: Rejection): string {
  const { reason } = rejection;
  if (reason === "claim_missing") return MISSING.get(rejection.claim) ?? HINTS[reason];
  if (reason === "claim_mismatch") return MALFORMED.get(rejection.claim) ?? HINTS[reason];
  return HINTS[reason];
}

const MISSING: ReadonlyMap<string, string> = new Map([
  ["exp", "have the issuer put `exp` into its tokens: one that never ends is not accepted"],
  [
    "aud",
    "have the caller ask its issuer for the entry's `audience`: the token has no `aud`, so it is made for nobody",
  ],
  ["client_id", "have the caller send an access token: it has a `client_id`, which the entry's `audience` must name"],
]);

const MALFORMED: ReadonlyMap<string, string> = new Map([
  ["exp", "have the issuer write `exp` in seconds since 1970, and after `iat`"],
  ["nbf", "have the issuer write `nbf` in seconds since 1970, or leave it out"],
  ["iat", "have the issuer write `iat` in seconds since 1970, or leave it out"],
]);
