import type { OutboundResponse } from "../../host/call-out.ts";
import type { EpochMillis } from "../../host/clock.ts";
import type { Fault } from "../../host/fault.ts";
import type { ActionOutcome } from "../../model/action-outcome.ts";
import { retryAfterSeconds } from "../../model/retry-after.ts";

/** The outcome of an attempt that a failed call ends. */
export type FinalOutcome = Extract<ActionOutcome, { readonly outcome: "retry" | "give_up" }>;

/** Why a write is not known to have succeeded. */
export type WriteFailure =
  /** The page's version is not the one that the write is based on. */
  | { readonly kind: "conflict" }
  /** It may have succeeded, or may still succeed. `status`: of a response that the content may explain, see `content`. */
  | { readonly kind: "unknown"; readonly why: string; readonly afterSeconds?: number; readonly status?: number }
  /** A person's open draft cannot be merged with the page: nothing is written until someone opens or publishes it. */
  | { readonly kind: "draft" }
  /** The site refuses the page as it would become. It may accept it with other content. */
  | { readonly kind: "content"; readonly ending: FinalOutcome; readonly status: number }
  | PageFailure;

/** Why a page was not read or written. `unavailable`: it is gone, or the account may not do this with it. */
export interface PageFailure {
  readonly kind: "unavailable" | "end";
  readonly ending: FinalOutcome;
}

/** Why a reply to a comment is not known to be written. `later`: nothing was written, and a later attempt may write it. */
export type ReplyFailure =
  | { readonly kind: "later"; readonly ending: FinalOutcome }
  | { readonly kind: "never"; readonly why: string };

/** Classifies the response to a read that is not the page. */
export const rejectedPage = (response: OutboundResponse, now: EpochMillis): PageFailure =>
  pageFailure(response, rejectedRead(response, now));

/** As {@link rejectedPage}, for a version of the page. */
export const rejectedRead = (response: OutboundResponse, now: EpochMillis): FinalOutcome =>
  outcomeOf("read", response, now);

/** As {@link rejectedRead}, for the search for pages by their label. */
export const rejectedSearch = (response: OutboundResponse, now: EpochMillis): FinalOutcome =>
  outcomeOf("search", response, now);

/** As {@link rejectedRead}, for a comment. */
export const rejectedComment = (response: OutboundResponse, now: EpochMillis): FinalOutcome =>
  outcomeOf("comment", response, now);

/** As {@link rejectedRead}, for the space of a page. */
export const rejectedSpace = (response: OutboundResponse, now: EpochMillis): FinalOutcome =>
  outcomeOf("space", response, now);

/** As {@link rejectedRead}, for the question whose credential it is. */
export const rejectedUser = (response: OutboundResponse, now: EpochMillis): FinalOutcome =>
  unwritten(outcomeOf("user", response, now));

/** A call that the site takes for an anonymous one: the events of its writes would name no account. */
export const NO_ACCOUNT: FinalOutcome = {
  outcome: "give_up",
  summary:
    "nothing was written: Confluence answers that the credential belongs to no account, so its edits could not be recognised",
};

const unwritten = (ending: FinalOutcome): FinalOutcome => ({
  ...ending,
  summary: `nothing was written, because the account that writes is unknown: ${ending.summary}`,
});

/** The outcome if a comment is at none of its possible paths. */
export const NO_COMMENT: FinalOutcome = {
  outcome: "give_up",
  summary: "there is no such comment, or the account may not see it",
};

/** As {@link rejectedRead}, but a write is never repeated after a server error without reading the page first. */
export function rejectedWrite(response: OutboundResponse, now: EpochMillis): WriteFailure {
  if (isUnreconciled(response)) return { kind: "draft" };
  const ending = outcomeOf("write", response, now);
  const { status } = response;
  if (status === 409) return { kind: "conflict" };
  if (status === 400 || status === 413) return { kind: "content", ending, status };
  if (ending.outcome === "give_up" || status === 429) return pageFailure(response, ending);
  return { kind: "unknown", why: ending.summary, ...waitOf(response, now), ...(status === 500 && { status }) };
}

/** A reply that was not sent because of this outcome. */
export const unsentReply = (ending: FinalOutcome): ReplyFailure =>
  ending.outcome === "retry" ? { kind: "later", ending } : { kind: "never", why: ending.summary };

/** Only a reply that the site certainly did not take is written later. */
export function rejectedReply(response: OutboundResponse, now: EpochMillis): ReplyFailure {
  const ending = outcomeOf("reply", response, now);
  return response.status === 429 ? unsentReply(ending) : { kind: "never", why: ending.summary };
}

/** As {@link rejectedReply}, without a response. */
export const failedReply = (fault: Fault): ReplyFailure =>
  fault.code === "target_unreachable" ? unsentReply(failedRead(fault)) : { kind: "never", why: fault.message };

/** Some sites answer 404 to an account that may not see the page. */
const pageFailure = ({ status }: OutboundResponse, ending: FinalOutcome): PageFailure => ({
  kind: status === 403 || status === 404 ? "unavailable" : "end",
  ending,
});

/** Classifies a read of a page without a response. */
export const failedPage = (fault: Fault): PageFailure => ({ kind: "end", ending: failedRead(fault) });

/** Classifies a read without a response. */
export const failedRead = (fault: Fault): FinalOutcome => finalOutcomeAfter(fault, "reading the page");

/** As {@link failedRead}, for a search. */
export const failedSearch = (fault: Fault): FinalOutcome => finalOutcomeAfter(fault, "searching for pages");

/** As {@link failedRead}, for a comment. */
export const failedComment = (fault: Fault): FinalOutcome => finalOutcomeAfter(fault, "reading a comment");

/** As {@link failedRead}, for the space of a page. */
export const failedSpace = (fault: Fault): FinalOutcome => finalOutcomeAfter(fault, "reading the page's space");

/** As {@link failedRead}, for the question whose credential it is. */
export const failedUser = (fault: Fault): FinalOutcome =>
  unwritten(finalOutcomeAfter(fault, "asking whose credential it is"));

const finalOutcomeAfter = ({ retryable, message }: Fault, operation: string): FinalOutcome =>
  retryable ? { outcome: "retry", summary: message } : { outcome: "give_up", summary: `${operation}: ${message}` };

/** As {@link failedRead}, but a write has an unknown outcome unless no connection was made. */
export function failedWrite(fault: Fault): WriteFailure {
  if (fault.code === "target_unreachable") return { kind: "end", ending: failedRead(fault) };
  return { kind: "unknown", why: fault.message };
}

function outcomeOf(operation: Operation, response: OutboundResponse, now: EpochMillis): FinalOutcome {
  const { status, headers } = response;
  const request = operation === "user" ? "question for the user" : operation;
  const summary = `Confluence answered the ${request} with ${status}${traceOf(headers)}`;
  if (status === 429 || isServerTrouble(status)) return { outcome: "retry", summary, ...waitOf(response, now) };
  const why = `${summary}: ${reasonOf(operation, response)}`;
  // A credential that was rotated works again once the bridge reads the new one.
  if (status === 401 && !lacksScope(response)) return { outcome: "retry", summary: why, ...waitOf(response, now) };
  return { outcome: "give_up", summary: why };
}

/** A 200 here had a body that is not a page: a maintenance or login page in between. */
const isServerTrouble = (status: number): boolean => status >= 500 || status === 408 || status === 200;

/** https://jira.atlassian.com/browse/CONFSERVER-59196: it resolves itself within minutes, or needs a person. */
const isUnreconciled = ({ status, body }: OutboundResponse): boolean =>
  status >= 400 && Buffer.from(body).includes("unreconciled");

type Operation = "read" | "write" | "search" | "comment" | "reply" | "user" | "space";

const lacksScope = ({ status, headers }: OutboundResponse): boolean =>
  status === 401 && headers.get("x-failure-category") === "FAILURE_CLIENT_SCOPE_CHECK";

function reasonOf(operation: Operation, response: OutboundResponse): string {
  const { status } = response;
  if (lacksScope(response)) return `the token lacks a scope: it needs ${SCOPES[operation]}`;
  return (
    REASONS[operation]?.[status] ?? CALL_REASONS[status] ?? "not a response of this API; check the target's address"
  );
}

const CALL_REASONS: Readonly<Record<number, string>> = {
  401: "the credential was not accepted; a token with scopes works only at the api.atlassian.com gateway",
  403: "the account may not do this",
};
const PAGE_REASONS: typeof CALL_REASONS = {
  400: "the page was rejected, most likely for its markup",
  404: "there is no such page, or the account may not see or edit it",
  413: "the page is too large",
};

const REASONS: Readonly<Partial<Record<Operation, typeof CALL_REASONS>>> = {
  read: PAGE_REASONS,
  write: PAGE_REASONS,
  space: { 404: "there is no such space, or the account may not see it" },
};

const PAGE_SCOPES = "read:page:confluence and write:page:confluence";
const SCOPES: Readonly<Record<Operation, string>> = {
  read: PAGE_SCOPES,
  write: PAGE_SCOPES,
  // Classic or granular scope; either is enough.
  space: "read:confluence-space.summary or read:space:confluence",
  search: "search:confluence or read:content-details:confluence",
  comment: "read:comment:confluence",
  reply: "write:comment:confluence",
  user: "read:confluence-user or read:content-details:confluence",
};

/**
 * The wait that Confluence asks for: `Retry-After`, otherwise `X-RateLimit-Reset`, ISO 8601, sometimes without seconds
 * (https://developer.atlassian.com/cloud/confluence/rate-limiting/).
 */
export function waitOf({ headers }: OutboundResponse, now: EpochMillis): { readonly afterSeconds?: number } {
  const afterSeconds = retryAfterSeconds(headers, now) ?? secondsUntilReset(headers, now);
  return afterSeconds === undefined ? {} : { afterSeconds };
}

function secondsUntilReset(headers: Headers, now: EpochMillis): number | undefined {
  const reset = headers.get("x-ratelimit-reset") ?? "";
  const seconds = ISO_TIME.test(reset) ? Math.ceil((Date.parse(reset) - now) / 1000) : -1;
  return seconds >= 0 ? Math.min(seconds, QUOTA_WINDOW_SECONDS) : undefined;
}

const ISO_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})$/;
/** Quotas are reset on the hour. */
const QUOTA_WINDOW_SECONDS = 3_600;

/** The id that Atlassian's support asks for. */
function traceOf(headers: Headers): string {
  const trace = headers.get("atl-traceid") ?? headers.get("atl-request-id") ?? "";
  return /^[\w-]{1,64}$/.test(trace) ? ` (trace ${trace})` : "";
}
