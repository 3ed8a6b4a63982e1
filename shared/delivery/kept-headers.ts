import { redactText } from "../host/url-credentials.ts";
import type { RecordedHeaders } from "../model/recorded-delivery.ts";

/**
 * The headers that say which event a sender reports, with which id, in which scheme and from which release. All others are
 * left out: they have addresses of people and proxies, or nothing that helps.
 */
const KEPT =
  /^(?:host|content-type|user-agent|idempotency-key|x-request-id|webhook-(?:id|timestamp)|ce-(?:id|source|time|type)|x-(?:gitlab-(?:event|event-uuid|instance)|github-(?:event|delivery)|buildkite-(?:event|request)|atlassian-webhook-(?:identifier|retry)))$/;
/** Headers with a credential: only that there was one is kept. */
const CREDENTIAL = /auth|cookie|token|signature|secret|passw|key|jwt|dpop|client-cert/;

/** The headers to record: each with its value, or with null if it has a credential. */
export function keptHeaders(headers: Headers): RecordedHeaders {
  const kept: [string, string | null][] = [];
  for (const [name, value] of headers) {
    if (kept.length === MAX_HEADERS) break;
    if (CREDENTIAL.test(name) && name !== "idempotency-key") {
      if (name.length <= MAX_NAME) kept.push([name, null]);
    } else if (KEPT.test(name)) kept.push([name, redactText(value.slice(0, MAX_VALUE))]);
  }
  return Object.fromEntries(kept);
}

/** Real requests have at most 12 of them. A sender chooses all three, and each byte is written and kept. */
const MAX_HEADERS = 24;
const MAX_NAME = 40;
const MAX_VALUE = 200;
