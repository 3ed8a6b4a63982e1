import * as v from "valibot";
import type { OutboundRequest, OutboundResponse } from "../../host/call-out.ts";
import type { Secret } from "../../host/secrets.ts";
import type { ActionContext, ActionOutcome } from "../../model/action-outcome.ts";
import { type BusEvent, sourceNameOf } from "../../model/bus-event.ts";
import { EVENT_TYPES } from "../../model/event.ts";
import type { Cause } from "../../outbound/issuer.ts";
import type { Action, ActionDeps } from "../action.ts";
import { failedCall } from "../failed-call.ts";
import { readResponse } from "./answer.ts";
import { filledParams, triggerRequest, triggerUrl } from "./request.ts";
import { type ListenerTarget, listenerTarget, routeOptions } from "./settings.ts";

/** Fires a Tekton trigger with one POST to an EventListener. */
export const tekton: Action = {
  name: "tekton",
  target: listenerTarget,
  options: routeOptions,
  maxAttemptMs: 30_000,
  // The run, its tasks, and what the listener did with the request.
  leadsTo: { types: EVENT_TYPES.filter((type) => /^(build|job|trigger)\./.test(type)), reportedBy: "run_reporter" },
  connect(settings, deps) {
    const target = v.parse(listenerTarget, settings.target);
    const { params } = v.parse(routeOptions, settings.options);
    const trigger = { route: settings.route, targetName: settings.targetName, target, params };
    const { runsReportedBy, namespaces } = target;
    return {
      runsReportedBy,
      ...(namespaces && { runNamespaces: namespaces }),
      ...(Object.keys(params).length > 0 && { params: (busEvent: BusEvent) => filledParams(busEvent, params) }),
      run: (context) => run(trigger, context, deps),
    };
  },
};

interface Trigger {
  readonly route: string;
  readonly targetName: string;
  readonly target: ListenerTarget;
  readonly params: Readonly<Record<string, string>>;
}

async function run(trigger: Trigger, context: ActionContext, deps: ActionDeps): Promise<ActionOutcome> {
  const request = await outboundRequest(trigger, context, deps);
  let response: OutboundResponse;
  try {
    response = await deps.callOut(request);
  } catch (error) {
    // A retry after an unknown outcome is harmless if the run's name contains the event key.
    return failedCall(error);
  }
  const read = readResponse(response, deps.clock.now());
  if (!read.accepted) return read.outcome;
  const { eventID, listener } = read;
  const facts = { ...(eventID && { eventID }), ...(listener && { listener }) };
  if (!eventID) {
    return {
      outcome: "done",
      summary: "accepted by the listener without an event id: only the annotation identifies the run",
      ...(listener && { facts }),
    };
  }
  // This is stored before the action is done: the run's first event may have arrived already and wait for it.
  await deps.origins.remember(trigger.target.runsReportedBy, eventID, context.busEvent.detail.delivery);
  return { outcome: "done", summary: "accepted by the listener", facts };
}

async function outboundRequest(trigger: Trigger, context: ActionContext, deps: ActionDeps): Promise<OutboundRequest> {
  const { route, target, params } = trigger;
  const { busEvent, origin, attempt, signal } = context;
  const token = await tokenFor(trigger, context, deps);
  return {
    method: "POST",
    url: triggerUrl(target.url, busEvent),
    headers: {
      "content-type": "application/json",
      // Distinguishes two routes that match the same event at one listener. A CEL filter reads it.
      "drawbridge-route": route,
      ...(token && { authorization: `Bearer ${token.reveal()}` }),
    },
    body: JSON.stringify(triggerRequest(busEvent, attempt, params)),
    traceparent: origin.detail.traceparent,
    timeoutMs: target.timeoutSeconds * 1000,
    maxResponseBytes: MAX_RESPONSE_BYTES,
    signal,
  };
}

async function tokenFor(
  { target, targetName }: Trigger,
  context: ActionContext,
  { secrets, outbound }: ActionDeps,
): Promise<Secret | undefined> {
  if (target.identity) return outbound.tokenFor(target.identity, { target: targetName, cause: tokenCause(context) });
  return target.token === undefined ? undefined : secrets.read(target.token);
}

/** A listener's response has about 200 bytes; a proxy's error page has more. */
const MAX_RESPONSE_BYTES = 65_536;

/** The cause of an action for its target: the principal of the origin, and the delivery that the action is for. */
function tokenCause({ busEvent, origin }: Pick<ActionContext, "busEvent" | "origin">): Cause {
  const { issuer, subject } = origin.detail.principal;
  return { source: sourceNameOf(origin), principal: { issuer, subject }, delivery: busEvent.detail.delivery };
}
