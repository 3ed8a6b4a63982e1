import * as v from "valibot";
import type { OutboundResponse } from "../../host/call-out.ts";
import type { EpochMillis } from "../../host/clock.ts";
import type { ActionOutcome } from "../../model/action-outcome.ts";
import { retryAfterSeconds } from "../../model/retry-after.ts";
import { jsonOf, summaryText } from "../response-text.ts";

/** The response of an EventListener, or of the proxy in front of it. */
type ListenerResponse =
  | ({ readonly accepted: true } & AcceptedNames)
  | { readonly accepted: false; readonly outcome: ActionOutcome };

interface AcceptedNames {
  readonly eventID?: string;
  /** `<namespace>/<name>`, as far as the answer names both. */
  readonly listener?: string;
  /** Present if the answer names both. */
  readonly namespace?: string;
}

/** Namespace and name of a listener: the names of Kubernetes, and no other text of an answer. */
export const LISTENER = /^([a-z0-9-]{1,63})\/([a-z0-9][a-z0-9.-]{0,252})$/;

/**
 * Classifies a response (https://tekton.dev/docs/triggers/eventlisteners/#response). 202 means only that the request
 * was read. No interceptor, binding or template has run yet, so it is unknown whether a run starts.
 */
export function readResponse(response: OutboundResponse, now: EpochMillis): ListenerResponse {
  const { status } = response;
  if (status === 202) return { accepted: true, ...namesOf(response.body) };
  const afterSeconds = retryAfterSeconds(response.headers, now);
  const wait = afterSeconds === undefined ? {} : { afterSeconds };
  if (status === 503 && Buffer.from(response.body).toString("utf8").trim() === "EventListener Timeout!") {
    return retry({ summary: "the listener timed out and may still be working", unknownOutcome: true, ...wait });
  }
  if (status === 504) {
    return retry({ summary: "a gateway timed out waiting for the listener (504)", unknownOutcome: true, ...wait });
  }
  if (status >= 500 || status === 408 || status === 425 || status === 429) {
    return retry({ summary: `the listener cannot accept it now (${status})`, ...wait });
  }
  if (status === 401) {
    // A credential that was replaced at the target works again once the bridge reads the new one.
    return retry({ summary: "not authenticated (401): the token is missing, wrong or expired", ...wait });
  }
  return { accepted: false, outcome: { outcome: "give_up", summary: rejectionOf(response) } };
}

const retry = (details: Omit<Extract<ActionOutcome, { outcome: "retry" }>, "outcome">): ListenerResponse => ({
  accepted: false,
  outcome: { outcome: "retry", ...details },
});

function rejectionOf({ status, body }: OutboundResponse): string {
  if (status < 300) return `answered ${status} and not 202: this is no EventListener`;
  if (status < 400) return `redirected (${status}), for example to a login page; redirects are not followed`;
  if (status === 400) return `the listener rejected the request (400)${errorMessageOf(body)}`;
  if (status === 403) return "forbidden (403): the token's owner may not call this listener";
  if (status === 404) return "no listener at this address (404)";
  return `the listener rejected the request (${status})`;
}

const shown = v.pipe(v.string(), v.transform(summaryText));

function errorMessageOf(body: Uint8Array): string {
  const read = v.safeParse(v.object({ errorMessage: shown }), jsonOf(body));
  return read.success ? `: ${read.output.errorMessage}` : "";
}

/** Each name is optional: a proxy may have removed the others. */
const names = v.object({
  eventID: v.fallback(v.optional(v.pipe(v.string(), v.regex(/^[\w.-]{1,63}$/))), undefined),
  eventListener: v.fallback(v.optional(shown), undefined),
  namespace: v.fallback(v.optional(shown), undefined),
});

function namesOf(body: Uint8Array): AcceptedNames {
  const read = v.safeParse(names, jsonOf(body));
  if (!read.success) return {};
  const { eventID, eventListener, namespace } = read.output;
  return {
    ...(eventID && { eventID }),
    ...(eventListener && { listener: [namespace, eventListener].filter((part) => part).join("/") }),
    ...(eventListener && namespace && { namespace }),
  };
}
