import type { OutboundResponse } from "../../host/call-out.ts";
import type { EpochMillis } from "../../host/clock.ts";
import type { Fault } from "../../host/fault.ts";
import type { ActionOutcome } from "../../model/action-outcome.ts";
import { retryAfterSeconds } from "../retry-after.ts";

/** A call after which nothing more can be done in this attempt. */
export type FinalOutcome = Extract<ActionOutcome, { readonly outcome: "retry" | "give_up" }>;

/** Why a write is not known to have been made. */
export type WriteFailure =
  /** The page is at another version than the write built on. */
  | { readonly kind: "conflict" }
  /** It may have been made, or may be made yet. */
  | { readonly kind: "unknown"; readonly why: string; readonly afterSeconds?: number }
  /** A person's open draft cannot be merged with the page: nothing is written until someone opens or publishes it. */
  | { readonly kind: "draft" }
  | { readonly kind: "end"; readonly ending: FinalOutcome };

/** What became of a read that was answered with something else than the page. */
export const refusedRead = (answer: OutboundResponse, now: EpochMillis): FinalOutcome => endingOf("read", answer, now);

/** As {@link refusedRead}, for the search for pages by their label. */
export const refusedSearch = (answer: OutboundResponse, now: EpochMillis): FinalOutcome =>
  endingOf("search", answer, now);

/** As {@link refusedRead}, for a comment. */
export const refusedComment = (answer: OutboundResponse, now: EpochMillis): FinalOutcome =>
  endingOf("comment", answer, now);

/** As {@link refusedRead}, for the question whose credential it is. */
export const refusedUser = (answer: OutboundResponse, now: EpochMillis): FinalOutcome =>
  unwritten(endingOf("user", answer, now));

/** A call that the site takes for an anonymous one: events of its writes would name nobody. */
export const NO_ACCOUNT: FinalOutcome = {
  outcome: "give_up",
  summary:
    "nothing was written: Confluence answers that the credential is nobody's, so its edits could not be recognised",
};

const unwritten = (ending: FinalOutcome): FinalOutcome => ({
  ...ending,
  summary: `nothing was written, because the account that writes is not known: ${ending.summary}`,
});

/** A comment that is nowhere. */
export const NO_COMMENT: FinalOutcome = {
  outcome: "give_up",
  summary: "there is no such comment, or the account may not see it",
};

/** As {@link refusedRead}, but a write is never simply repeated after a server error: it has to be looked up first. */
export function refusedWrite(answer: OutboundResponse, now: EpochMillis): WriteFailure {
  if (isUnreconciled(answer)) return { kind: "draft" };
  const ending = endingOf("write", answer, now);
  if (answer.status === 409) return { kind: "conflict" };
  if (ending.outcome === "give_up" || answer.status === 429) return { kind: "end", ending };
  return { kind: "unknown", why: ending.summary, ...waitOf(answer, now) };
}

/** What became of a read that was not answered. */
export const failedRead = (fault: Fault): FinalOutcome => finalOutcomeAfter(fault, "reading the page");

/** As {@link failedRead}, for a search. */
export const failedSearch = (fault: Fault): FinalOutcome => finalOutcomeAfter(fault, "searching for pages");

/** As {@link failedRead}, for a comment. */
export const failedComment = (fault: Fault): FinalOutcome => finalOutcomeAfter(fault, "reading a comment");

/** As {@link failedRead}, for the question whose credential it is. */
export const failedUser = (fault: Fault): FinalOutcome =>
  unwritten(finalOutcomeAfter(fault, "asking whose credential it is"));

const finalOutcomeAfter = ({ retryable, message }: Fault, doing: string): FinalOutcome =>
  retryable ? { outcome: "retry", summary: message } : { outcome: "give_up", summary: `${doing}: ${message}` };

/** As {@link failedRead}: only a connection that never came about proves that nothing was written. */
export function failedWrite(fault: Fault): WriteFailure {
  if (fault.code === "target_unreachable") return { kind: "end", ending: failedRead(fault) };
  return { kind: "unknown", why: fault.message };
}

function endingOf(doing: Doing, answer: OutboundResponse, now: EpochMillis): FinalOutcome {
  const { status, headers } = answer;
  const asked = doing === "user" ? "question for the user" : doing;
  const summary = `Confluence answered the ${asked} with ${status}${traceOf(headers)}`;
  if (status === 429 || isServerTrouble(status)) return { outcome: "retry", summary, ...waitOf(answer, now) };
  return { outcome: "give_up", summary: `${summary}: ${reasonOf(doing, status, headers)}` };
}

/** A 200 that is refused had a body that is no page: a maintenance or login page on the way. */
const isServerTrouble = (status: number): boolean => status >= 500 || status === 408 || status === 200;

/** https://jira.atlassian.com/browse/CONFSERVER-59196: passes within minutes, or needs a person. */
const isUnreconciled = ({ status, body }: OutboundResponse): boolean =>
  status >= 400 && Buffer.from(body).includes("unreconciled");

type Doing = "read" | "write" | "search" | "comment" | "user";

function reasonOf(doing: Doing, status: number, headers: Headers): string {
  if (status === 401 && headers.get("x-failure-category") === "FAILURE_CLIENT_SCOPE_CHECK") {
    return `the token lacks a scope: it needs ${SCOPES[doing]}`;
  }
  const isAboutPage = doing === "read" || doing === "write";
  return (
    (isAboutPage ? PAGE_REASONS : CALL_REASONS)[status] ??
    "no answer that such a call has; is the target's address right?"
  );
}

const CALL_REASONS: Readonly<Record<number, string>> = {
  401: "the credential was not accepted; a token with scopes works only at the api.atlassian.com gateway",
  403: "the account may not do this",
};
const PAGE_REASONS: typeof CALL_REASONS = {
  ...CALL_REASONS,
  400: "the page was refused, most likely for its markup",
  404: "there is no such page, or the account may not see or edit it",
  413: "the page is too large",
};

const PAGE_SCOPES = "read:page:confluence and write:page:confluence";
const SCOPES: Readonly<Record<Doing, string>> = {
  read: PAGE_SCOPES,
  write: PAGE_SCOPES,
  // Classic or granular; either will do.
  search: "search:confluence or read:content-details:confluence",
  comment: "read:comment:confluence",
  user: "read:confluence-user or read:content-details:confluence",
};

/**
 * What Confluence asks us to wait: `Retry-After`, else `X-RateLimit-Reset`, which is ISO 8601, sometimes without seconds
 * (https://developer.atlassian.com/cloud/confluence/rate-limiting/).
 */
export function waitOf({ headers }: OutboundResponse, now: EpochMillis): { readonly afterSeconds?: number } {
  const asked = retryAfterSeconds(headers, now) ?? secondsUntilReset(headers, now);
  return asked === undefined ? {} : { afterSeconds: asked };
}

function secondsUntilReset(headers: Headers, now: EpochMillis): number | undefined {
  const reset = headers.get("x-ratelimit-reset") ?? "";
  const seconds = ISO_TIME.test(reset) ? Math.ceil((Date.parse(reset) - now) / 1000) : -1;
  return seconds >= 0 ? Math.min(seconds, QUOTA_WINDOW_SECONDS) : undefined;
}

const ISO_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})$/;
/** Quotas start afresh on the hour. */
const QUOTA_WINDOW_SECONDS = 3_600;

/** What Atlassian's support asks for. */
function traceOf(headers: Headers): string {
  const trace = headers.get("atl-traceid") ?? headers.get("atl-request-id") ?? "";
  return /^[\w-]{1,64}$/.test(trace) ? ` (trace ${trace})` : "";
}
