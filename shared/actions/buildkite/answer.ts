import type { OutboundResponse } from "../../host/call-out.ts";
import type { EpochMillis } from "../../host/clock.ts";
import type { ActionOutcome } from "../../model/action-outcome.ts";
import { wordsOf } from "../response-text.ts";
import { retryAfterSeconds } from "../retry-after.ts";

/** What Buildkite said to an annotation: nothing where it took it, else what is to be done. */
export function failureIn(answer: OutboundResponse, now: EpochMillis): ActionOutcome | undefined {
  const { status } = answer;
  if (status === 201 || status === 200) return undefined;
  if (status >= 500 || status === 429 || status === 408) {
    const afterSeconds = waitOf(answer.headers, now);
    const wait = afterSeconds === undefined ? {} : { afterSeconds };
    return { outcome: "retry", summary: `Buildkite cannot take it now (${status})`, ...wait };
  }
  return { outcome: "give_up", summary: `Buildkite answered ${status}: ${REASONS[status] ?? wordsOf(answer)}` };
}

/** `Retry-After`, else the seconds until the rate's window ends (https://buildkite.com/docs/apis/rest-api/limits). */
function waitOf(headers: Headers, now: EpochMillis): number | undefined {
  const reset = headers.get("ratelimit-reset") ?? "";
  return retryAfterSeconds(headers, now) ?? (/^\d{1,3}$/.test(reset) ? Number(reset) : undefined);
}

const REASONS: Readonly<Record<number, string>> = {
  401: "the token was not accepted; it is wrong, expired or revoked",
  403: "the token may not annotate builds; it needs the scope write_builds, and this address among its allowed ones",
  404: "there is no such build, or the token may not see it",
};
