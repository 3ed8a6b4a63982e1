import * as v from "valibot";
import type { OutboundResponse } from "../../host/call-out.ts";
import type { EpochMillis } from "../../host/clock.ts";
import type { ActionOutcome } from "../../model/action-outcome.ts";
import { jsonOf, shownWords } from "../response-text.ts";
import { retryAfterSeconds } from "../retry-after.ts";

/** What an EventListener, or the proxy in front of it, said. */
type ListenerAnswer =
  | { readonly accepted: true; readonly eventID?: string; readonly listener?: string }
  | { readonly accepted: false; readonly outcome: ActionOutcome };

/**
 * Reads an answer (https://tekton.dev/docs/triggers/eventlisteners/#response). 202 means that the request was read: no
 * interceptor, binding or template has run yet, so nothing is triggered by what is known here.
 */
export function readAnswer(answer: OutboundResponse, now: EpochMillis): ListenerAnswer {
  const { status } = answer;
  if (status === 202) return { accepted: true, ...namesOf(answer.body) };
  const afterSeconds = retryAfterSeconds(answer.headers, now);
  const wait = afterSeconds === undefined ? {} : { afterSeconds };
  if (status === 503 && Buffer.from(answer.body).toString("utf8").trim() === "EventListener Timeout!") {
    return retry({ summary: "the listener ran out of time and goes on working", unknownOutcome: true, ...wait });
  }
  if (status === 504) {
    return retry({ summary: "a gateway waited for the listener in vain (504)", unknownOutcome: true, ...wait });
  }
  if (status >= 500 || status === 408 || status === 425 || status === 429) {
    return retry({ summary: `the listener cannot take it now (${status})`, ...wait });
  }
  return { accepted: false, outcome: { outcome: "give_up", summary: refusalOf(answer) } };
}

const retry = (told: Omit<Extract<ActionOutcome, { outcome: "retry" }>, "outcome">): ListenerAnswer => ({
  accepted: false,
  outcome: { outcome: "retry", ...told },
});

function refusalOf({ status, body }: OutboundResponse): string {
  if (status < 300) return `answered ${status} and not 202: this is no EventListener`;
  if (status < 400) return `redirected (${status}), as to a login page; not followed`;
  if (status === 400) return `the listener refused the request (400)${errorMessageOf(body)}`;
  if (status === 401) return "not let in (401): the token is missing, wrong or expired";
  if (status === 403) return "not let in (403): the token's owner may not call this listener";
  if (status === 404) return "no listener at this address (404)";
  return `the listener refused the request (${status})`;
}

const shown = v.pipe(v.string(), v.transform(shownWords));

function errorMessageOf(body: Uint8Array): string {
  const read = v.safeParse(v.object({ errorMessage: shown }), jsonOf(body));
  return read.success ? `: ${read.output.errorMessage}` : "";
}

/** Each name is taken if it is there: a proxy may have cut the rest. */
const names = v.object({
  eventID: v.fallback(v.optional(v.pipe(v.string(), v.regex(/^[\w.-]{1,63}$/))), undefined),
  eventListener: v.fallback(v.optional(shown), undefined),
  namespace: v.fallback(v.optional(shown), undefined),
});

function namesOf(body: Uint8Array): { readonly eventID?: string; readonly listener?: string } {
  const read = v.safeParse(names, jsonOf(body));
  if (!read.success) return {};
  const { eventID, eventListener, namespace } = read.output;
  return {
    ...(eventID && { eventID }),
    ...(eventListener && { listener: [namespace, eventListener].filter((part) => part).join("/") }),
  };
}
