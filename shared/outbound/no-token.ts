import type { EpochMillis } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { retryAfterSeconds } from "../model/retry-after.ts";

/** Says that a server issued no token. `answered`: the headers that may ask for time before the next request, and when. */
export function noToken(
  host: string,
  why: string,
  answered?: { readonly headers: Headers; readonly now: EpochMillis },
): Fault {
  const seconds = answered && retryAfterSeconds(answered.headers, answered.now);
  return new Fault("token_unavailable", `${host} issued no token: ${why}`, {
    retryable: true,
    ...(seconds !== undefined && { retryAfterSeconds: seconds }),
  });
}
