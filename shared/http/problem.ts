import { ALGORITHMS } from "../identity/algorithms.ts";
import type { ForbiddenRejection, Rejection, RejectionReason, UnprovedRejection } from "../model/rejection.ts";

/** What a caller is told of a refusal or a fault: RFC 9457. Terse on purpose; the log carries the reason. */
export interface Problem {
  readonly status: number;
  readonly title: string;
  /** Extra response headers. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Seconds after which a sender may try again when we could not record. */
const RETRY_AFTER_SECONDS = 2;

const UNAUTHENTICATED: Problem = {
  status: 401,
  title: "The sender could not be proved",
  // RFC 6750 §3 and RFC 9449 §7.1: the challenges, and no error code, so that every failed check looks the same.
  headers: { "WWW-Authenticate": `Bearer realm="drawbridge", DPoP algs="${ALGORITHMS.join(" ")}"` },
};

export const UNAVAILABLE: Problem = {
  status: 503,
  title: "The bridge cannot take this now; nothing was recorded",
  headers: { "Retry-After": String(RETRY_AFTER_SECONDS) },
};

export const NOT_FOUND: Problem = { status: 404, title: "There is nothing here" };

/** The one place where a reason becomes an answer. */
export function problemOf(rejection: Rejection): Problem {
  switch (rejection.reason) {
    case "source_unknown":
      return { status: 404, title: "There is no such source" };
    case "delivery_unknown":
      return { status: 404, title: "There is no such delivery" };
    case "approval_unknown":
      return { status: 404, title: "There is no such approval" };
    case "method_not_allowed":
      return { status: 405, title: "This method is not allowed here", headers: { Allow: rejection.allowed } };
    case "body_too_large":
      return { status: 413, title: `The body is larger than ${rejection.limitBytes} bytes` };
    case "content_type_unsupported":
      return { status: 415, title: `The content type must be ${rejection.expected}` };
    case "charset_unsupported":
      return { status: 415, title: "The charset must be UTF-8" };
    case "content_encoding_unsupported":
      return { status: 415, title: "The body must not be compressed" };
    case "query_invalid":
      return { status: 400, title: `The query parameter "${rejection.parameter}" must be ${rejection.expected}` };
    case "body_invalid":
      return { status: 400, title: rejection.problem };
    case "sign_in_failed":
      return { status: 400, title: `Nobody was signed in: ${rejection.problem}` };
    case "form_forged":
      return { status: 403, title: `The form was not taken: ${rejection.problem}` };
    default:
      return denied(rejection);
  }
}

function denied(rejection: ForbiddenRejection | UnprovedRejection): Problem {
  switch (rejection.reason) {
    case "tenant_mismatch":
      return { status: 403, title: "The token is another tenant's" };
    case "groups_omitted":
      return { status: 403, title: "The token leaves out the groups that decide" };
    case "role_missing":
      return { status: 403, title: `The role "${rejection.role}" is needed` };
    case "self_approval":
      return { status: 403, title: "Somebody else has to decide" };
    case "approval_closed":
      return { status: 409, title: closedTitle(rejection) };
    case "approvals_too_many":
      return { status: 409, title: `More than ${rejection.limit} approvals are open` };
    case "approval_outdated":
      return { status: 409, title: "What it is about has changed since it was requested" };
    case "replay_impossible":
    case "rollback_impossible":
      return { status: 409, title: rejection.problem };
    case "rate_exceeded":
      return {
        status: 429,
        title: `The role "${rejection.role}" may not ask more often`,
        headers: { "Retry-After": String(rejection.retryAfterSeconds) },
      };
    default:
      return unproved(rejection);
  }
}

const closedTitle = ({ state, by, at }: Extract<Rejection, { reason: "approval_closed" }>): string =>
  at === undefined ? `It is ${state} already, by ${by}` : `It was ${state} already, at ${at}; ${by} granted it`;

/** Every reason that is about proof gets the same answer. The parameter's type makes the switches above complete. */
function unproved(_: UnprovedRejection): Problem {
  return UNAUTHENTICATED;
}

/** `reason` is told to proved callers alone. */
export function problemResponse(problem: Problem, requestId: string, reason?: RejectionReason): Response {
  const { status, title, headers } = problem;
  const type = `urn:drawbridge:problem:${status}`;
  const instance = `urn:uuid:${requestId}`;
  return new Response(JSON.stringify({ type, title, status, instance, ...(reason && { reason }) }), {
    status,
    headers: { "Content-Type": "application/problem+json", ...headers },
  });
}
