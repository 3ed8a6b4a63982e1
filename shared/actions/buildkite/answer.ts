import type { OutboundResponse } from "../../host/call-out.ts";
import type { EpochMillis } from "../../host/clock.ts";
import type { ActionOutcome } from "../../model/action-outcome.ts";
import { retryAfterSeconds } from "../../model/retry-after.ts";
import { errorMessageOf } from "../response-text.ts";

/**
 * Classifies Buildkite's response to an annotation; undefined if it was created, otherwise the outcome of the attempt.
 */
export function failureIn(response: OutboundResponse, now: EpochMillis): ActionOutcome | undefined {
  const { status } = response;
  if (status === 201 || status === 200) return undefined;
  const afterSeconds = waitOf(response.headers, now);
  const wait = afterSeconds === undefined ? {} : { afterSeconds };
  if (status >= 500 || status === 429 || status === 408) {
    return { outcome: "retry", summary: `Buildkite cannot accept it now (${status})`, ...wait };
  }
  const summary = `Buildkite answered ${status}: ${REASONS[status] ?? errorMessageOf(response)}`;
  // A token that was rotated works again once the bridge reads the new one.
  return status === 401 ? { outcome: "retry", summary, ...wait } : { outcome: "give_up", summary };
}

/**
 * `Retry-After`, otherwise the seconds until the rate limit's window ends
 * (https://buildkite.com/docs/apis/rest-api/limits).
 */
function waitOf(headers: Headers, now: EpochMillis): number | undefined {
  const reset = headers.get("ratelimit-reset") ?? "";
  return retryAfterSeconds(headers, now) ?? (/^\d{1,3}$/.test(reset) ? Number(reset) : undefined);
}

const REASONS: Readonly<Record<number, string>> = {
  401: "the token was not accepted; it is wrong, expired or revoked",
  403: "the token may not annotate builds; it needs the scope write_builds, and this address among its allowed ones",
  404: "there is no such build, or the token may not see it",
};
