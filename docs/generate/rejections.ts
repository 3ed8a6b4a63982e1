import { problemOf } from "../../shared/http/problem-of.ts";
import type { Rejection, RejectionReason } from "../../shared/model/rejection.ts";
import { HINTS } from "../../shared/model/rejection-hints.ts";

/** What each reason means, in the order of the checks of a request. A reason without a row here is a type error. */
const MEANINGS: Readonly<Record<RejectionReason, string>> = {
  request_malformed: "The `Host` header or the request target makes no valid address",
  source_unknown: "The path names no configured source",
  method_not_allowed: "This path does not take this method",
  body_too_large: "The body is larger than `limitBytes`",
  body_incomplete: "The client closed the connection before the whole body had arrived. Logged as `info`",
  content_type_unsupported: "The content type is not JSON",
  charset_unsupported: "The charset is not UTF-8",
  content_encoding_unsupported: "The body is compressed",
  overloaded:
    "On one machine: too many requests are in flight, or the requests of this path take too long. The request was not read and is not logged singly",
  query_invalid: "A query parameter of a list is invalid",
  body_invalid:
    "The body of a [status callback](status.md) or of an order to an [approval](approvals.md), a replay, a rollback or a [summary](summaries.md) is invalid, or the text of a summary is refused",
  target_unknown:
    "The path of a summary, a pause or a resume names no configured target. `known`: those that the caller may name there",
  grant_type_unsupported: "At `/oauth/token`: the request asks for no token exchange",
  upstream_unknown:
    "At `/oauth/token`: `audience` names no configured upstream. At `/v1/authorize`: neither does the path",
  scope_forbidden:
    "At `/oauth/token` and `/v1/authorize`: no `allow` of the upstream gives the caller `scope`, or its access token has another one",
  run_missing:
    "At `/oauth/token` and `/v1/authorize`: the token belongs to no run, and `allow` of the upstream requires one",
  run_ended: "At `/oauth/token` and `/v1/authorize`: the run of the token has ended",
  asked_request_missing: "At `/v1/authorize`: the gateway did not say, in `header`, which request it asks about",
  asked_request_ambiguous:
    "At `/v1/authorize`: servers read the path of the request in different ways, or a header names another method",
  asked_request_not_listed: "At `/v1/authorize`: no `requests` of the upstream has the method and path",
  delivery_unknown: "No delivery has this id",
  credential_missing: "The request has no credential that this source accepts. `header` is the first one looked for",
  credential_malformed: "The credential is truncated, repeated, of another scheme, or one of two credentials at once",
  signature_mismatch: "No live secret of the source makes this signature for this body",
  secret_mismatch: "The token or password equals none of the live secrets",
  signature_unverifiable: "The sender signs, and the source has no secret to verify the signature with",
  timestamp_outside_window:
    "The signature is right and `skewSeconds` old. `limitSeconds` are allowed in either direction",
  token_malformed: "This is not a signed JWT. `detail` names the defect",
  token_too_large: "The token is larger than `limitBytes`",
  token_header_forbidden: "The token brings its own key, key address or format (`parameter`)",
  issuer_unknown: "No trust entry that this source or call accepts has exactly this issuer",
  algorithm_not_allowed: "The trust entry does not list the signing algorithm",
  key_unknown: "The issuer publishes no matching key, or several",
  token_signature_invalid: "The key is known and did not make this signature. For Connect: no live secret made it",
  token_expired: "The token expired `expiredBySeconds` ago",
  token_not_yet_valid: "`nbf` or `iat` (`claim`) is in the future",
  token_lifetime_too_long: "The token's lifetime is longer than `limitSeconds`",
  audience_mismatch: "The token was issued for another audience, `got`",
  claim_missing: "A required claim (`claim`) is missing",
  claim_mismatch: "A claim (`claim`) differs from its pinned value or has the wrong type",
  tenant_mismatch: "The issuer signs for all its customers, and this token is another customer's, by `claim`",
  token_type_mismatch:
    "The header `typ`, or the kind of the token by its claims, is not `expected`: an ID token, a logout token or a proof instead of an access token",
  groups_omitted: "The caller is in so many groups that the issuer left them out. No rule about groups can be decided",
  proof_missing: "The entry or the token itself requires a proof of possession (`expected`), and the request has none",
  proof_invalid: "The proof does not match this request or this token. `detail` names the defect",
  token_replayed: "The token was used before, and its entry allows one use",
  body_digest_mismatch: "`claim` has no digest, or the digest of another body",
  query_hash_mismatch: "The Connect token was issued for another address",
  sign_in_failed: "At the console: the sign-in failed. `problem` says why",
  form_forged: "At the console: the form came from another site or from an earlier session (CSRF check)",
  role_missing: "The caller is authenticated and its trust entry grants no role `role`",
  group_missing:
    "In the timeline of a label or a comment: `target` was asked at `askedAt`, and the account is in none of `groups`. The `role` is missing",
  page_not_editable:
    "The route asks for people who [may edit the page](approval-editors.md), and this one may not (`problem`)",
  editing_unknown:
    "`target` did not say [whether the person may edit the page](approval-editors.md) (`problem`). Nothing was decided. A comment is tried again after `retryAfterSeconds`",
  namespace_not_listed:
    "The run is in a Kubernetes namespace that `namespaces` of `source` does not list. From the cluster's sink the event is recorded as `ignored`; only a status callback gets the 403",
  project_not_listed:
    "The event is of a project that `projects`, or at GitHub `repositories`, of `source` does not list. It is recorded as `ignored`; only a status callback gets the 403",
  pipeline_not_listed:
    "The event is of a pipeline that `organization` and `pipelines` of `source` exclude. It is recorded as `ignored`; only a status callback gets the 403",
  self_approval: "The caller is authenticated, allowed, and the requester of this run",
  approval_unknown: "No approval has this id. In the timeline of a label or a comment: nothing waited for that page",
  approval_closed: "The approval already has the state `state`, set by `by`. `at` is when it fired",
  access_too_many: "The person requested [roles for a time](access.md) `limit` times within 25 hours",
  approvals_too_many:
    "In the timeline of a label or a comment: more than `limit` approvals are open, and the bridge compared it with `limit` of them",
  outside_window: "The route has `approval.outsideWindows: refuse`, and none of its `windows` is open until `opensAt`",
  reason_missing: "The route has `approval.reason: required`, and the grant has no text",
  approval_outdated:
    "The page, branch, tag or merge request changed after the request, as a later event or the target under `verifyWith` shows",
  approval_too_recent:
    "In the timeline of a label, or of a comment without an id: the approval was requested less than `minimumSeconds` before",
  reference_unverified:
    "The target under `verifyWith` did not answer, or cannot be asked about this event (`problem`). Nothing was decided",
  groups_unknown:
    "In the timeline of a label or a comment: `target` did not say whether the account is in one of `groups` (`problem`). Nothing was decided. A comment is tried again after `retryAfterSeconds`",
  order_unknown:
    "The configuration has no such [order](orders.md), or has it no more: an order that waits then does not fire",
  input_invalid: "An input of an [order](orders.md) is missing, or has not the form that is declared (`problem`)",
  idempotency_key_missing:
    "An [order](orders.md) or a [promotion](promotion.md) has no `Idempotency-Key`, or a longer one than 200 characters",
  idempotency_key_reused: "The caller placed the same [order](orders.md) with this key before, with other inputs",
  agent_unattended:
    "An agent placed an [order](orders.md), or asked to run something again, and the route has no `approval`",
  agent_cannot_approve:
    "The token has the claim `act`: an [agent](agents.md) acts for the person, and tried to grant a run",
  person_needed: "An agent, a job or a pod requested or granted a [role for a time](access.md)",
  order_confined:
    "What the inputs of an [order](orders.md) name is outside its `in`, or outside that of the caller's role",
  replay_unknown: "No bulk replay has this id, or the caller may not know it",
  replay_outdated: "The route is in another state (`state`) than the one for which it was to run again",
  replay_unsafe: "The route is in a `state` in which something may have run already, or still runs",
  replay_impossible: "The delivery is no event, matched no such route, or was not authenticated (`problem`)",
  rollback_impossible: "The bridge knows no run to return to",
  promotion_impossible: "The route or its runs do not allow this [promotion](promotion.md) (`problem`)",
  promotion_outdated:
    "The run is not the newest good one of its environment any more, or was rolled back there (`problem`)",
  promotion_running:
    "The run of another delivery deploys to the environment, so a [promotion](promotion.md) would overlap with it",
  rate_exceeded: "The caller is authenticated and exceeded the limit of `role` for this minute",
};

/** Returns the table of rejection reasons in `docs/reasons.md`: reason, status of the response, meaning, hint. */
export function rejectionTable(): string {
  const rows = Object.entries(MEANINGS).map(([name, meaning]) => {
    const reason = name as RejectionReason;
    // The other members may be missing, because the status depends only on the reason.
    const { status } = problemOf({ reason } as Rejection);
    return `| \`${reason}\` | ${status} | ${meaning} | ${HINTS[reason]} |`;
  });
  return ["| reason | status | what it means | what to do next |", "| --- | --- | --- | --- |", ...rows].join("\n");
}
