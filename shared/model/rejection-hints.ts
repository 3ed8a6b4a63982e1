import type { Rejection, RejectionReason } from "./rejection.ts";

/**
 * What to do next about a rejection, by its reason: one or two short sentences. Each names what to change and on which
 * side. A name in backticks is a fact of the rejection or a key of the configuration. The last sentence has no full stop.
 * `docs/reasons.md` is generated from these texts.
 */
export const HINTS: Readonly<Record<RejectionReason, string>> = {
  request_malformed: "Usually a scanner. If it is a sender or a proxy, correct the `Host` header that it sends",
  source_unknown:
    "Compare the address at the sender with the names under `sources`. The log does not repeat the requested name",
  method_not_allowed: "Usually a person with a browser or a scanner. If it is a sender, correct the sender's method",
  body_too_large: "Raise `limits.bodyBytes` (at most 6 MiB), or reduce what the sender puts into the payload",
  body_incomplete: "Nothing, if it is rare. Repeated cases: look for a proxy or a sender whose timeout is too short",
  content_type_unsupported: "Set the content type at the sender to `expected`",
  charset_unsupported: "Set the charset at the sender to UTF-8, or remove it",
  content_encoding_unsupported:
    "Disable compression at the sender or the proxy. The signature covers the bytes that arrive",
  overloaded:
    "The sender has to retry. If it happens often, look for a sender that floods, for a slow disk, or for a machine that is too small",
  query_invalid: "Correct `parameter`. `expected` describes a valid value",
  body_invalid: "Correct the caller. `problem` names the member of the body and what it must be",
  target_unknown: "Compare the name in the path with the names under `targets`",
  grant_type_unsupported: "Set `grant_type` to `urn:ietf:params:oauth:grant-type:token-exchange`",
  upstream_unknown: "Compare `audience` of the request with the names under `upstreams`",
  scope_forbidden: "Add `scope` to `allow` of the upstream for a role of the caller, or let the caller do without it",
  run_missing:
    "Send what proves the run of the pod, or set `run: optional` in `allow` of the upstream if the caller is no job",
  run_ended: "Nothing: a token of a run that has ended gets no other. A new try of the run has a new token",
  asked_request_missing:
    "Configure the gateway as `docs/gateways.md` shows. It has to set `header` itself, and pass no other one on",
  asked_request_ambiguous:
    "Make the client send the path in its plain form: without `//`, `.`, `..`, `;`, without encodings that are not needed, and without a header that overrides the method",
  asked_request_not_listed: "If the request is to be allowed, list its method and path in `requests` of the upstream",
  delivery_unknown: "Unknown id, or expired after `limits.retentionDays`",
  credential_missing:
    "Check that the sender signs (GitLab and Confluence also work without a secret) and that no proxy removes the header",
  credential_malformed:
    "Check that no proxy adds an `Authorization` header or repeats a header. Compare the sender's signing method with the source's settings",
  signature_mismatch:
    "Compare the secret on both sides, including `next` during a rotation. If they match, look for a proxy that rewrites bodies",
  secret_mismatch: "Compare the secret on both sides. Many different values in a row mean that somebody is guessing",
  signature_unverifiable:
    "Configure the secret that the sender signs with: the README of its provider names the setting. A signed request is never accepted on a weaker credential",
  timestamp_outside_window:
    "Check both clocks. If they are right, the request was delayed on its way, or somebody replayed it",
  token_malformed: "Find out what the caller sends. An opaque access token is a common case",
  token_too_large: "Configure the issuer to put fewer claims into the token",
  token_header_forbidden: "No supported issuer sends this header. Find out who made the token",
  issuer_unknown:
    "Compare the claim `iss` with `issuer`, character by character and including a trailing slash. Check that the source lists the entry under `trust`",
  algorithm_not_allowed:
    "If the issuer really uses this algorithm, add it to `algorithms`. The default is the preset's list, or RS256 and ES256 without a preset",
  key_unknown:
    "After a key rotation this passes within 30 s. Otherwise another issuer with the same name made the token, or the `jwks` file is outdated",
  token_signature_invalid:
    "The token was changed, or another cluster with the same issuer and key id made it. For Connect, compare the secret with that of the latest installation",
  token_expired:
    "Make the caller get a new token for each call. If it is only a few seconds, compare the clocks (`clockSkewSeconds`)",
  token_not_yet_valid: "Compare the issuer's clock with the bridge's clock",
  token_lifetime_too_long:
    "Shorten the token's lifetime at the issuer, or raise `maxLifetimeSeconds` of the entry (at most one day)",
  audience_mismatch:
    "Make the caller request the audience in `expected`. Do not add the other service's audience: the bridge would then accept that service's tokens",
  claim_missing: "Compare the entry's `claims` with a token of the right sender",
  claim_mismatch:
    "The token may belong to another tenant of a shared issuer, which the pin must refuse. If it is yours, correct the pin",
  tenant_mismatch:
    "If the sender is yours, pin the token's value under `claims` of the entry, as an id and not a name. `drawbridge token explain` shows the value",
  token_type_mismatch: "Make the caller send the other token that the issuer gave it, usually the access token",
  groups_omitted:
    "Configure the issuer to include only the groups assigned to the application, or grant roles by app roles",
  proof_missing:
    "For DPoP, make the caller send `Authorization: DPoP` and a `DPoP` header. For a certificate, check that TLS ends at the bridge",
  proof_invalid:
    "Check the caller's DPoP library or certificate and its clock. Look for a proxy that changes the address or the method",
  token_replayed: "Make the caller get a new token for each call. If it already does, somebody else has the token",
  body_digest_mismatch:
    "Make the caller compute the digest of the exact bytes that it sends. Then look for a proxy that rewrites bodies",
  query_hash_mismatch:
    "Compare the source's `baseUrl` with the app's descriptor. A proxy must not change the path or the query",
  sign_in_failed:
    "`problem` says why. A single case can be a page that was open too long: sign in again. Repeated cases: compare client, secret and redirect address with the issuer's",
  form_forged: "Reload the page and repeat the action there. Many cases mean that another site attempts CSRF",
  role_missing: "Add the role under `roles` of the right entry, with `claims` that admit nobody else",
  group_missing:
    "Add the account to one of `groups` at the site: it counts within a minute. Or list the account with its roles under `people.accounts` of the source",
  page_not_editable:
    "Let somebody decide who may edit the page at its site, or give the account that right there: it counts within a minute. `people` of the source links an account to a token",
  editing_unknown:
    "A comment is tried again by itself. Decide again later in other ways. `problem` says what the target could not say: see what its credential needs in docs/approval-editors.md",
  namespace_not_listed:
    "If this namespace may report runs, add it to `namespaces` of `source`. If not, find out who runs pipelines there and knows the address or has a token",
  project_not_listed:
    "If this project may send events, add it to `projects` or `repositories` of `source`. If not, find out whose webhook has the source's secret, or who has a token",
  pipeline_not_listed:
    "If this pipeline may send events, add it to `pipelines` of `source`, or correct `organization`. If not, find out whose webhook has the source's secret, or who has a token",
  self_approval:
    "Ask somebody else to decide. The requester of a run cannot approve it, and neither can the author of what a replay or rollback repeats",
  order_unknown:
    "`GET /v1/orders` lists those that the caller may place. If it was removed after it was placed, it does not fire",
  input_invalid:
    "`problem` names the input. `GET /v1/orders` has the form of each; a changed declaration also holds for what waits",
  idempotency_key_missing:
    "Make the caller send a key that stays the same when it repeats the request, such as the id of its job",
  idempotency_key_reused:
    "Make the caller use a new key for another order of the same kind. The first one stays as it was placed",
  agent_unattended:
    "Give the route an `approval`. A person may place the order or run it again too. `agents: unattended` of the order lets agents start it alone",
  agent_cannot_approve: "Let a person decide, with a token without the claim `act`. An agent may deny",
  person_needed: "Let a person ask, with a token that is neither an agent's nor a job's",
  order_confined: "Compare the inputs with `in` of the order, and of the role that the answer names",
  approval_unknown: "Unknown id, or expired after `limits.retentionDays`",
  approval_closed: "Nothing is left to decide. `state` is the result, `by` is who caused it",
  access_too_many: "Wait for the time in `Retry-After`, or ask somebody who has the role",
  approvals_too_many: "Decide by the approval's id. The page and the delivery's timeline show it",
  outside_window: "Grant it again after `opensAt`, if it has not expired by then",
  reason_missing:
    "Grant it again with a reason: `--comment`, the field of the console, or the comment `drawbridge approve because` and the reason. A label has none",
  approval_outdated:
    "The page, the branch, the tag or the merge request changed after the request. Review the current state and request the run again",
  approval_too_recent:
    "Look at what waits now, and name it: `drawbridge approve` with the approval's id. A label counts once the approval has waited for `minimumSeconds`",
  reference_unverified:
    "Nothing was decided: repeat it later. `problem` says why the target under `approval.verifyWith` could not confirm what is approved",
  groups_unknown:
    "A comment is tried again by itself. Set a label again later. `problem` says what the target could not say: see what its credential needs in docs/approval-groups.md",
  replay_impossible: "`problem` says why",
  replay_unknown:
    "`GET /v1/replays` lists them. One expires with the records, and whoever may read only some deliveries sees only their own",
  replay_outdated: "Nothing, if the state is what you wanted; else look at the delivery and select it again",
  replay_unsafe: "See what its target did. To run it again nevertheless, order it with `force`",
  rollback_impossible: "`problem` says why and what is known. `to` can name a delivery to run again",
  promotion_impossible:
    "`problem` says why. Compare the environments with those of the route, and the results of its runs with what it needs",
  promotion_outdated: "Look at what the environment has now, and promote that",
  promotion_running: "Wait for the end of the run that `problem` names, and promote again",
  rate_exceeded: "Wait for the time in `Retry-After`. If the caller needs this rate, raise `limit` of the role",
};

/** Returns what to do next about a rejection. Standard claims that no rule of an entry requires have their own hints. */
export function hintOf(rejection: Rejection): string {
  const { reason } = rejection;
  if (reason === "claim_missing") return MISSING.get(rejection.claim) ?? HINTS[reason];
  if (reason === "claim_mismatch") return MALFORMED.get(rejection.claim) ?? HINTS[reason];
  return HINTS[reason];
}

const MISSING: ReadonlyMap<string, string> = new Map([
  ["exp", "Make the issuer put `exp` into its tokens. A token that never expires is not accepted"],
  ["aud", "Make the caller request the entry's `audience` from its issuer. The token has no `aud`"],
  [
    "client_id",
    "Make the caller send an access token. It has a `client_id`, which the entry's `audience` must contain",
  ],
]);

const MALFORMED: ReadonlyMap<string, string> = new Map([
  ["exp", "Make the issuer write `exp` in seconds since 1970, later than `iat`"],
  ["nbf", "Make the issuer write `nbf` in seconds since 1970, or omit it"],
  ["iat", "Make the issuer write `iat` in seconds since 1970, or omit it"],
]);
