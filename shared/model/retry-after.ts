import type { EpochMillis } from "../host/clock.ts";
import { MAX_RETRY_AFTER_SECONDS } from "./action-outcome.ts";

/**
 * Reads the header `Retry-After`: whole seconds, at most {@link MAX_RETRY_AFTER_SECONDS}. It is delay-seconds or an HTTP
 * date in the current format (https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3). A date in the past gives 0. Returns
 * undefined for anything else.
 */
export function retryAfterSeconds(headers: Headers, now: EpochMillis): number | undefined {
  const value = headers.get("retry-after")?.trim() ?? "";
  if (DELAY_SECONDS.test(value)) return Math.min(Number(value), MAX_RETRY_AFTER_SECONDS);
  const seconds = IMF_FIXDATE.test(value) ? Math.ceil((Date.parse(value) - now) / 1000) : Number.NaN;
  return Number.isNaN(seconds) ? undefined : Math.min(Math.max(seconds, 0), MAX_RETRY_AFTER_SECONDS);
}

const DELAY_SECONDS = /^\d+$/;
/** https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7; its two obsolete formats are not accepted. */
const IMF_FIXDATE = /^(Sun|Mon|Tue|Wed|Thu|Fri|Sat), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
