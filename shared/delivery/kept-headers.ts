import { CORRELATION_HEADERS, isCorrelationId } from "../model/correlation-id.ts";
import type { RecordedHeaders } from "../model/recorded-delivery.ts";

/** An id: a UUID, one of Standard Webhooks, or a number. */
const ID = /^(?:[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}|msg_[\da-z]{16,40}|\d{1,20})$/i;
/** A place, with no word that could be a credential. */
const PLACE = /^(?!(?:bearer|basic|dpop|jwt|digest)\b)(?!.*\w{24})[\w./()[\];:,+ -]+$/i;
/**
 * The headers that say which event a sender reports, with which id, in which scheme and from which release, and the form of
 * their values. A value of another form may be a credential in the wrong header. All other headers are left out: they have
 * addresses of people and proxies, or nothing that helps.
 */
const KEPT: readonly (readonly [name: RegExp, value: Pick<RegExp, "test">])[] = [
  [/^content-type$/, /^[a-z]+\/[a-z.+-]{1,40}(?:; ?charset="?[\w-]{1,12}"?)?$/i],
  [/^(?:host|user-agent|ce-source|x-gitlab-instance)$/, PLACE],
  [/^(?:webhook-timestamp|ce-time|x-atlassian-webhook-retry)$/, /^[\dTZ:.+-]+$/],
  [new RegExp(`^(?:${CORRELATION_HEADERS.join("|")})$`), { test: isCorrelationId }],
  [/^(?:(?:webhook|ce)-id|x-(?:gitlab-event-uuid|github-delivery|buildkite-request))$/, ID],
  [/^x-atlassian-webhook-identifier$/, ID],
  [/^(?:ce-type|x-(?:gitlab|github|buildkite)-event)$/, /^[a-z]{1,20}(?:[ ._:][a-z]{1,20})*(?:\.v\d)?$/i],
];
/** Headers with a credential: only that there was one is kept. */
const CREDENTIAL = /auth|cookie|token|signature|secret|passw|key|jwt|dpop|client-cert/;

/** The headers to record: each with its value, or with null if it has a credential, or may have one. */
export function keptHeaders(headers: Headers): RecordedHeaders {
  const kept: [string, string | null][] = [];
  for (const [name, value] of headers) {
    if (kept.length === MAX_HEADERS) break;
    const form = KEPT.find(([names]) => names.test(name))?.[1];
    if (form !== undefined) kept.push([name, value.length <= MAX_VALUE && form.test(value) ? value : null]);
    else if (CREDENTIAL.test(name) && name.length <= MAX_NAME) kept.push([name, null]);
  }
  return Object.fromEntries(kept);
}

/** Real requests have at most 12 of them. A sender chooses all three, and each byte is written and kept. */
const MAX_HEADERS = 24;
const MAX_NAME = 40;
const MAX_VALUE = 200;
