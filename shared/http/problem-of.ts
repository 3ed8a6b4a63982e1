import { ALGORITHMS } from "../identity/algorithms.ts";
import type { ForbiddenRejection, Rejection, UnprovedRejection } from "../model/rejection.ts";
import { type Problem, RETRY_AFTER, rateHeaders } from "./problem.ts";

const UNAUTHENTICATED: Problem = {
  status: 401,
  title: "The sender could not be authenticated",
  // The challenges of RFC 6750 §3 and RFC 9449 §7.1, without an error code, so that every failed check looks the same.
  headers: { "WWW-Authenticate": `Bearer realm="drawbridge", DPoP algs="${ALGORITHMS.join(" ")}"` },
};

/** The client has closed the connection, so it gets no response. The status is for the log, as in nginx. */
const CLIENT_CLOSED: Problem = { status: 499, title: "The client closed the connection" };

/**
 * The only place that turns a reason into a response. The HTTP API loads it with its first rejection: a function that
 * takes deliveries starts without its texts.
 */
export function problemOf(rejection: Rejection): Problem {
  switch (rejection.reason) {
    case "request_malformed":
      return { status: 400, title: "The Host header or the address of the request is invalid" };
    case "source_unknown":
      return { status: 404, title: "There is no such source" };
    case "delivery_unknown":
      return { status: 404, title: "There is no such delivery" };
    case "approval_unknown":
      return { status: 404, title: "There is no such approval" };
    case "target_unknown":
      return { status: 404, title: noTarget(rejection.known) };
    case "order_unknown":
      return { status: 404, title: "There is no such order" };
    case "input_invalid":
      return { status: 400, title: rejection.problem, input: rejection.input };
    case "idempotency_key_missing":
      return { status: 400, title: "An Idempotency-Key of at most 200 characters is needed" };
    case "replay_unknown":
      return { status: 404, title: "There is no such bulk replay" };
    case "method_not_allowed":
      return { status: 405, title: "This method is not allowed here", headers: { Allow: rejection.allowed } };
    case "body_too_large":
      return { status: 413, title: `The body is larger than ${rejection.limitBytes} bytes` };
    case "body_incomplete":
      return CLIENT_CLOSED;
    case "content_type_unsupported":
      return { status: 415, title: `The content type must be ${rejection.expected}` };
    case "charset_unsupported":
      return { status: 415, title: "The charset must be UTF-8" };
    case "content_encoding_unsupported":
      return { status: 415, title: "The body must not be compressed" };
    case "overloaded":
      return { status: 503, title: "The bridge has too many requests; nothing was recorded", headers: RETRY_AFTER };
    case "query_invalid":
      return { status: 400, title: `The query parameter "${rejection.parameter}" must be ${rejection.expected}` };
    case "body_invalid":
      return { status: 400, title: rejection.problem };
    case "grant_type_unsupported":
      return { status: 400, title: "The grant type must be that of a token exchange (RFC 8693)" };
    case "sign_in_failed":
      return { status: 400, title: `The sign-in failed: ${rejection.problem}` };
    case "form_forged":
      return { status: 403, title: `The form was refused: ${rejection.problem}` };
    default:
      return callerProblemOf(rejection);
  }
}

const noTarget = (known: string): string =>
  known === "" ? "There is no such target" : `There is no such target; you may name ${known}`;

/** Rejections of an authenticated caller. */
function callerProblemOf(rejection: ForbiddenRejection | UnprovedRejection): Problem {
  switch (rejection.reason) {
    case "tenant_mismatch":
      return { status: 403, title: "The token belongs to another tenant" };
    case "groups_omitted":
      return { status: 403, title: "The token omits the groups that its roles depend on" };
    case "role_missing":
      return {
        status: 403,
        title:
          rejection.key === undefined
            ? `The role "${rejection.role}" is needed`.replaceAll(" or ", '" or "')
            : `No role may do this: ${rejection.key} would allow it`,
      };
    case "upstream_unknown":
      return { status: 404, title: "There is no such upstream" };
    case "scope_forbidden":
      return { status: 403, title: `The scope "${rejection.scope}" is not allowed` };
    case "run_missing":
      return { status: 403, title: "The token belongs to no run whose end the bridge would notice" };
    case "run_ended":
      return { status: 403, title: "The run of this token has ended" };
    case "asked_request_missing":
      return { status: 400, title: `The gateway did not send ${rejection.header}` };
    case "asked_request_ambiguous":
      return { status: 403, title: "Servers read this request in different ways" };
    case "asked_request_not_listed":
      return { status: 403, title: "This request is not allowed to anybody" };
    case "namespace_not_listed":
      return { status: 403, title: `Runs of the namespace "${rejection.namespace}" are not accepted` };
    case "project_not_listed":
      return { status: 403, title: `Runs of the project "${rejection.project}" are not accepted` };
    case "pipeline_not_listed":
      return { status: 403, title: `Builds of the pipeline "${rejection.pipeline}" are not accepted` };
    case "order_confined":
      return { status: 403, title: confinedTitle(rejection) };
    case "agent_unattended":
      return { status: 403, title: "An agent's order fires only routes that need an approval" };
    case "agent_cannot_approve":
      return { status: 403, title: "An agent cannot approve a run" };
    case "person_needed":
      return { status: 403, title: "This takes a person's own token" };
    case "idempotency_key_reused":
      return { status: 422, title: "The Idempotency-Key was used with other inputs" };
    case "self_approval":
      return { status: 403, title: "Somebody else has to decide" };
    case "approval_closed":
      return { status: 409, title: closedTitle(rejection) };
    case "approvals_too_many":
      return { status: 409, title: `More than ${rejection.limit} approvals are open` };
    case "access_too_many":
      return {
        status: 429,
        title: `You requested roles ${rejection.limit} times within 25 hours`,
        headers: { "Retry-After": String(rejection.retryAfterSeconds) },
      };
    case "outside_window":
      return {
        status: 409,
        title: `Runs of this route are approved in its weekly windows. The next one opens at ${rejection.opensAt}`,
      };
    case "reason_missing":
      return { status: 422, title: "A grant of this route needs a reason" };
    case "approval_outdated":
      return { status: 409, title: "The subject of the approval has changed since the request" };
    case "approval_too_recent":
      return { status: 409, title: `It was requested less than ${rejection.minimumSeconds} seconds before` };
    case "group_missing":
      return { status: 403, title: "Another group has to decide" };
    case "page_not_editable":
      return { status: 403, title: rejection.problem };
    case "groups_unknown":
    case "editing_unknown":
    case "reference_unverified":
      return {
        status: 503,
        title: `Nothing was decided, because a site did not confirm it: ${rejection.problem}`,
        headers: RETRY_AFTER,
      };
    case "replay_outdated":
      return { status: 409, title: `The state of the route has changed: it is now ${rejection.state}` };
    case "replay_unsafe":
      return { status: 409, title: `The route is ${rejection.state}: something may have run already, or still runs` };
    case "replay_impossible":
    case "rollback_impossible":
    case "promotion_impossible":
    case "promotion_outdated":
    case "promotion_running":
      return { status: 409, title: rejection.problem };
    case "rate_exceeded":
      return {
        status: 429,
        title: `The role "${rejection.role}" has reached its rate limit`,
        headers: {
          "Retry-After": String(rejection.retryAfterSeconds),
          ...rateHeaders({ limit: rejection.perMinute, remaining: 0, resetSeconds: rejection.retryAfterSeconds }),
        },
      };
    default:
      return unauthenticated(rejection);
  }
}

const confinedTitle = ({ role }: Extract<Rejection, { reason: "order_confined" }>): string =>
  role === undefined
    ? "The order is confined to other inputs"
    : `The role "${role.replaceAll(" or ", '" or "')}" places this order only for what its "in" lists`;

const closedTitle = ({ state, by, at }: Extract<Rejection, { reason: "approval_closed" }>): string =>
  at === undefined
    ? `The approval is already ${state}, by ${by}`
    : `The approval was already ${state} at ${at}; ${by} granted it`;

/** Every failed authentication gets the same response. The parameter's type makes the switches above exhaustive. */
function unauthenticated(_: UnprovedRejection): Problem {
  return UNAUTHENTICATED;
}
