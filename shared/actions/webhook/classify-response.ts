import type { OutboundResponse } from "../../host/call-out.ts";
import type { EpochMillis } from "../../host/clock.ts";
import type { ActionOutcome } from "../../model/action-outcome.ts";
import { retryAfterSeconds } from "../../model/retry-after.ts";
import { summaryText } from "../response-text.ts";

interface Reading {
  readonly now: EpochMillis;
  /** Whether the summary may have the receiver's own words: a receiver that knows a secret might repeat it. */
  readonly isQuotable: boolean;
}

/** Classifies the response of a receiver. Any 2xx means that it accepted the message. */
export function classifyResponse(response: OutboundResponse, { now, isQuotable }: Reading): ActionOutcome {
  const { status, headers, body } = response;
  if (status >= 200 && status < 300) return { outcome: "done", summary: `the receiver accepted it (${status})` };
  if (status >= 500 || TEMPORARY.includes(status)) {
    const afterSeconds = retryAfterSeconds(headers, now);
    const wait = afterSeconds === undefined ? {} : { afterSeconds };
    // A gateway that gives up does not know what the receiver behind it did.
    const isUnknown = status >= 500 ? { unknownOutcome: true } : {};
    return { outcome: "retry", summary: `the receiver cannot accept it now (${status})`, ...wait, ...isUnknown };
  }
  const words = isQuotable ? summaryText(Buffer.from(body).toString("utf8")) : "";
  const reason = REASONS[status] ?? (status < 400 ? "redirects are not followed" : words);
  const summary = `the receiver answered ${status}${reason && `: ${reason}`}`;
  // A credential that was rotated works again once the bridge reads the new one.
  return { outcome: status === 401 ? "retry" : "give_up", summary };
}

/** Request timeout, conflict, too early, too many requests. */
const TEMPORARY: readonly number[] = [408, 409, 425, 429];

const REASONS: Readonly<Record<number, string>> = {
  401: "the signature or the credential was not accepted",
  403: "the signature or the credential was not accepted",
  404: "there is no receiver at this address",
  410: "the receiver wants no more webhooks",
};
