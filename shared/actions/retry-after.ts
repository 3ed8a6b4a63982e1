import type { EpochMillis } from "../host/clock.ts";

/**
 * What the other side asks us to wait, in whole seconds and at most a day: delay-seconds or an HTTP date in the form that
 * is still written (https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3). A date gone by is no wait; anything else than
 * the two forms is as good as absent.
 */
export function retryAfterSeconds(headers: Headers, now: EpochMillis): number | undefined {
  const told = headers.get("retry-after")?.trim() ?? "";
  if (DELAY_SECONDS.test(told)) return Math.min(Number(told), DAY_SECONDS);
  const seconds = IMF_FIXDATE.test(told) ? Math.ceil((Date.parse(told) - now) / 1000) : Number.NaN;
  return Number.isNaN(seconds) ? undefined : Math.min(Math.max(seconds, 0), DAY_SECONDS);
}

const DAY_SECONDS = 86_400;
const DELAY_SECONDS = /^\d+$/;
/** https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7; its two obsolete forms are not read. */
const IMF_FIXDATE = /^(Sun|Mon|Tue|Wed|Thu|Fri|Sat), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
