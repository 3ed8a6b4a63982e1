/**
 * Why a request is rejected, with the facts that an operator needs. One member per reason; logs and metrics contain the
 * reason. `http/problem.ts` alone decides what the caller sees, which is far less.
 */
export type Rejection = RequestRejection | UnprovedRejection | ForbiddenRejection;

export type RejectionReason = Rejection["reason"];

/** The request itself is not valid. */
type RequestRejection =
  | { readonly reason: "request_malformed" }
  | { readonly reason: "source_unknown" }
  | { readonly reason: "method_not_allowed"; readonly allowed: string }
  | { readonly reason: "body_too_large"; readonly limitBytes: number }
  | { readonly reason: "body_incomplete" }
  | { readonly reason: "content_type_unsupported"; readonly expected: string }
  | { readonly reason: "charset_unsupported" }
  | { readonly reason: "content_encoding_unsupported" }
  | { readonly reason: "overloaded" }
  | { readonly reason: "query_invalid"; readonly parameter: string; readonly expected: string }
  | { readonly reason: "body_invalid"; readonly problem: string }
  | { readonly reason: "delivery_unknown" }
  | { readonly reason: "approval_unknown" }
  // `known`: the targets that the caller may name here, with commas between them; empty if there is none.
  | { readonly reason: "target_unknown"; readonly known: string }
  | { readonly reason: "replay_unknown" }
  | { readonly reason: "order_unknown" }
  // `problem` names the input and what it must be, and never a value.
  | { readonly reason: "input_invalid"; readonly input: string; readonly problem: string }
  | { readonly reason: "idempotency_key_missing" }
  // At the token endpoint.
  | { readonly reason: "grant_type_unsupported" }
  // In the console.
  | { readonly reason: "sign_in_failed"; readonly problem: string }
  | { readonly reason: "form_forged"; readonly problem: string };

/** The caller is not proved. The response never says why. */
export type UnprovedRejection =
  // By a shared secret. `header` is the name of the header that was checked, never its value.
  | { readonly reason: "credential_missing"; readonly header: string }
  | { readonly reason: "credential_malformed"; readonly header: string }
  | { readonly reason: "signature_mismatch"; readonly header: string }
  | { readonly reason: "secret_mismatch"; readonly header: string }
  // The sender signed, but the source has no secret to verify that. A weaker credential is never accepted instead.
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
  // `got` is the audience that the issuer signed, cut; undefined if the signature is not verified.
  | { readonly reason: "audience_mismatch"; readonly expected: string; readonly got?: string }
  | { readonly reason: "claim_missing"; readonly claim: string }
  | { readonly reason: "claim_mismatch"; readonly claim: string }
  | { readonly reason: "token_type_mismatch"; readonly expected: string }
  | { readonly reason: "proof_missing"; readonly expected: string }
  | { readonly reason: "proof_invalid"; readonly detail: string }
  | { readonly reason: "token_replayed" }
  | { readonly reason: "body_digest_mismatch"; readonly claim: string }
  | { readonly reason: "query_hash_mismatch" };

/** The caller is proved, but is not allowed to do this, or not in the current state. */
export type ForbiddenRejection =
  // The issuer signs for all its customers, and the token is from a tenant that is not configured here.
  | { readonly reason: "tenant_mismatch"; readonly claim: string }
  // The issuer omitted the groups from the token, so no rule about groups can be decided.
  | { readonly reason: "groups_omitted" }
  // `key`: the key of the configuration that gives the permission, if no role has it.
  | { readonly reason: "role_missing"; readonly role: string; readonly key?: string }
  // The site was asked at `askedAt`, and the account is in none of these groups. `role`: what would do.
  | {
      readonly reason: "group_missing";
      readonly role: string;
      readonly groups: string;
      readonly target: string;
      readonly askedAt: string;
    }
  // At the token endpoint.
  | { readonly reason: "upstream_unknown" }
  | { readonly reason: "scope_forbidden"; readonly scope: string }
  | { readonly reason: "run_missing" }
  | { readonly reason: "run_ended" }
  // Of a gateway that asks the bridge. `header`: what the gateway did not send of the request.
  | { readonly reason: "asked_request_missing"; readonly header: string }
  | { readonly reason: "asked_request_ambiguous"; readonly upstream: string }
  | { readonly reason: "asked_request_not_listed"; readonly upstream: string; readonly method: string }
  // `source`: the source, or the sources, whose `namespaces` would have to list it.
  | { readonly reason: "namespace_not_listed"; readonly namespace: string; readonly source: string }
  // `source`: the source, or the sources, whose `projects` or `repositories` would have to list it.
  | { readonly reason: "project_not_listed"; readonly project: string; readonly source: string }
  // As above, for `organization` and `pipelines`. `pipeline` has the organization's slug before it.
  | { readonly reason: "pipeline_not_listed"; readonly pipeline: string; readonly source: string }
  // The inputs of the order are outside its `in`, or outside that of `role`, by which the caller could place it.
  | { readonly reason: "order_confined"; readonly role?: string }
  // An agent placed the order, and the route needs no approval.
  | { readonly reason: "agent_unattended" }
  // The token names an agent that acts for the person. Only a person grants a run.
  | { readonly reason: "agent_cannot_approve" }
  // The token is that of an agent, a job or a pod.
  | { readonly reason: "person_needed" }
  // The same caller used the key for the same order with other inputs.
  | { readonly reason: "idempotency_key_reused" }
  | { readonly reason: "self_approval" }
  // `at`: when the route fired.
  | { readonly reason: "approval_closed"; readonly state: string; readonly by: string; readonly at?: string }
  | { readonly reason: "approvals_too_many"; readonly limit: number }
  | { readonly reason: "access_too_many"; readonly limit: number; readonly retryAfterSeconds: number }
  // The route refuses grants outside its weekly windows.
  | { readonly reason: "outside_window"; readonly opensAt: string }
  // The route needs a reason for each grant. Labels have none.
  | { readonly reason: "reason_missing" }
  | { readonly reason: "approval_outdated" }
  // A label, or a comment without the approval's id, came before people could have seen what it decides.
  | { readonly reason: "approval_too_recent"; readonly minimumSeconds: number }
  // Nothing was decided, and the same request may succeed later.
  | { readonly reason: "reference_unverified"; readonly problem: string }
  // As above: the site did not say whether the account is in these groups.
  | {
      readonly reason: "groups_unknown";
      readonly problem: string;
      readonly groups: string;
      readonly target: string;
      readonly retryAfterSeconds: number;
    }
  // The route asks for people who may edit the page.
  | { readonly reason: "page_not_editable"; readonly problem: string }
  // Nothing was decided, as above: the target did not say whether the person may.
  | {
      readonly reason: "editing_unknown";
      readonly problem: string;
      readonly target: string;
      readonly retryAfterSeconds: number;
    }
  | { readonly reason: "replay_impossible"; readonly problem: string }
  // The route is not in the state for which somebody wants to run it again. `state`: what it is now.
  | { readonly reason: "replay_outdated"; readonly state: string }
  | { readonly reason: "replay_unsafe"; readonly state: string }
  | { readonly reason: "rollback_impossible"; readonly problem: string }
  | { readonly reason: "promotion_impossible"; readonly problem: string }
  // The run is not the newest good one of its environment any more, or was rolled back there.
  | { readonly reason: "promotion_outdated"; readonly problem: string }
  // Another run deploys to the environment now.
  | { readonly reason: "promotion_running"; readonly problem: string; readonly run: string }
  | {
      readonly reason: "rate_exceeded";
      readonly role: string;
      readonly perMinute: number;
      readonly retryAfterSeconds: number;
    };
