import { kindOf } from "../host/fault.ts";
import { encodePayload, inert } from "../host/inert.ts";
import type { Log } from "../host/log.ts";
import { readBody } from "../http/body.ts";
import type { ServedApp } from "../http/connection.ts";
import type { Counters } from "./counters.ts";
import { plain, serveHealth } from "./pages.ts";
import { REPORTS, type RefusalReports } from "./refusal-reports.ts";
import { readTriggerCall, type TriggerCall } from "./trigger-call.ts";
import {
  type RefusalReason,
  type Verdict,
  type VerifiedOrigin,
  type VerifyDeps,
  verifyTrigger,
} from "./verify-trigger.ts";

interface InterceptorDeps extends VerifyDeps {
  readonly reports: Pick<RefusalReports, "add">;
  readonly counters: Counters;
  readonly log: Log;
}

/** The names of the interceptor's counters, each with what it counts. */
export const INTERCEPTOR_COUNTERS = {
  drawbridge_interceptor_requests_total: "Requests of triggers, by outcome: continued, or the reason of the refusal.",
  [REPORTS]: "Refusals by what became of their report to the bridge: sent, failed, limit, or unnamed.",
};

/**
 * A ClusterInterceptor of Tekton Triggers: a trigger with it runs only for requests that the bridge made for its route
 * (https://tekton.dev/docs/triggers/clusterinterceptors/). Each question is answered with 200, and writes one line.
 */
export function interceptorApp(deps: InterceptorDeps): ServedApp {
  return {
    fetch: async (request) => {
      const { pathname } = new URL(request.url);
      const page = serveHealth(request.method, pathname, deps.counters);
      if (page) return page;
      if (pathname !== "/" || request.method !== "POST") return plain(404, "there is no such path");
      const body = await readBody(request, MAX_CALL_BYTES);
      const call = body.ok ? readTriggerCall(body.value) : undefined;
      if (call === undefined) return plain(400, "this is no InterceptorRequest");
      return Response.json(await answerTo(call, deps));
    },
  };
}

/** The largest request of the bridge, written as a string of JSON, with the headers of a proxy. */
export const MAX_CALL_BYTES = 2_097_152;

async function answerTo(call: TriggerCall, deps: InterceptorDeps): Promise<object> {
  const verdict = await verifyTrigger(call, deps).catch((error: unknown): Verdict => {
    if (kindOf(error) !== "keys_unavailable") throw error;
    return { continues: false, reason: "keys_unavailable", isSigned: false };
  });
  const outcome = verdict.continues ? "continued" : verdict.reason;
  deps.counters.add("drawbridge_interceptor_requests_total", { outcome });
  const { trigger, eventId } = call;
  const shown = { trigger: trigger.slice(0, MAX_NAME), eventId };
  if (verdict.continues) {
    const { delivery, route } = verdict.origin;
    deps.log.info({ ...shown, delivery, route }, "a trigger continues");
    return { extensions: { drawbridge: extensionOf(verdict.origin) }, continue: true, status: {} };
  }
  const { reason, isSigned } = verdict;
  deps.log.warn({ ...shown, reason, isSigned }, "a trigger is refused");
  deps.reports.add({ trigger, eventId, reason, isSigned });
  return { continue: false, status: statusOf(reason) };
}

const MAX_NAME = 330;

/**
 * What bindings and later interceptors read, as `$(extensions.drawbridge.who)`. Every member is a text and always there,
 * because a binding whose key is missing fails its trigger. A value that Tekton would read as code is empty; `identity` has
 * all values as they are, as base64url of JSON.
 */
function extensionOf({ who, trustEntry = "", delivery, route, principal, replay }: VerifiedOrigin): object {
  const identity = { sub: who, principal, trust_entry: trustEntry || undefined, delivery, route, replay };
  return {
    who: inert(who),
    trustEntry: inert(trustEntry),
    delivery: inert(delivery),
    route: inert(route),
    identity: encodePayload(identity),
  };
}

/**
 * The status of a refusal: a code of https://grpc.github.io/grpc/core/md_doc_statuscodes.html and a text for the sink's
 * log. It is the same for every failed check; the interceptor's own log has the reason.
 */
function statusOf(reason: RefusalReason): { readonly code: number; readonly message: string } {
  if (reason === "keys_unavailable") return { code: UNAVAILABLE, message: "the bridge's keys cannot be loaded now" };
  if (reason === "trigger_unusable")
    return { code: FAILED_PRECONDITION, message: "the trigger gives the interceptor no usable route or audience" };
  return { code: PERMISSION_DENIED, message: "the request is not one of the bridge for this trigger" };
}

const PERMISSION_DENIED = 7;
const FAILED_PRECONDITION = 9;
const UNAVAILABLE = 14;
