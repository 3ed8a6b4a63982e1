import * as v from "valibot";
import { makeOriginProof } from "../../delivery/origin-proof.ts";
import type { OutboundResponse } from "../../host/call-out.ts";
import { hazardIn } from "../../host/inert.ts";
import type { ActionContext, ActionOutcome } from "../../model/action-outcome.ts";
import type { BusEvent } from "../../model/bus-event.ts";
import { EVENT_TYPES } from "../../model/event.ts";
import type { Cause } from "../../outbound/issuer.ts";
import type { Action, ActionDeps } from "../action.ts";
import { failedCall } from "../failed-call.ts";
import { readResponse } from "./answer.ts";
import { listenerRequest } from "./listener-request.ts";
import { explainMissingRun } from "./missing-run.ts";
import { probeOf } from "./probe.ts";
import { emptiedIn, filledParams, problemWith, triggerRequest, triggerUrl } from "./request.ts";
import { type ListenerTarget, listenerTarget, routeOptions } from "./settings.ts";

/** Fires a Tekton trigger with one POST to an EventListener. */
export const tekton: Action = {
  name: "tekton",
  target: listenerTarget,
  options: routeOptions,
  maxAttemptMs: 30_000,
  // The run, its tasks, and what the listener did with the request.
  leadsTo: {
    types: EVENT_TYPES.filter((type) => /^(build|job|trigger)\./.test(type)),
    reportedBy: "run_reporter",
  },
  leadsToNothing: (options) => v.parse(routeOptions, options).gate === true,
  probe: probeOf,
  whyEmptied: hazardIn,
  connect(settings, deps) {
    const target = v.parse(listenerTarget, settings.target);
    const { params, gate } = v.parse(routeOptions, settings.options);
    if (gate) return { run: async ({ busEvent }) => answerTask(busEvent) };
    const trigger = { route: settings.route, targetName: settings.targetName, target, params };
    const { runsReportedBy, namespaces, staleAfterMinutes, originKey } = target;
    return {
      runsReportedBy,
      runsStaleAfterMs: staleAfterMinutes * 60_000,
      ...(namespaces && { runNamespaces: namespaces }),
      ...(originKey && { originKey }),
      ...(Object.keys(params).length > 0 && { params: (busEvent: BusEvent) => filledParams(busEvent, params) }),
      explainMissingRun: (request) => explainMissingRun(settings.route, request),
      run: (context) => run(trigger, context, deps),
    };
  },
};

/**
 * Whoever had to approve has done so. The bridge cannot reach the cluster: its process there asks for the decision, and
 * writes it.
 */
function answerTask({ detail }: BusEvent): ActionOutcome {
  if (detail.type !== "approval.requested" || detail.approval.task === undefined)
    return { outcome: "give_up", summary: "the event reports no task that waits inside a run of Tekton" };
  return { outcome: "done", summary: `approved: the process in the cluster approves the task ${detail.subject}` };
}

interface Trigger {
  readonly route: string;
  readonly targetName: string;
  readonly target: ListenerTarget;
  readonly params: Readonly<Record<string, string>>;
}

async function run(trigger: Trigger, context: ActionContext, deps: ActionDeps): Promise<ActionOutcome> {
  const proof = await originProofFor(trigger, context, deps);
  const body = triggerRequest({ ...context, proof }, trigger.params);
  const problem = problemWith(body, context);
  if (problem !== undefined) return { outcome: "give_up", summary: `not sent: ${problem}` };
  const { busEvent, origin, signal } = context;
  const call = {
    ...trigger,
    url: triggerUrl(trigger.target.url, busEvent),
    body: JSON.stringify(body),
    delivery: busEvent.detail.delivery,
    cause: causeOf(context),
    traceparent: origin.detail.traceparent,
    signal,
  };
  const send = await listenerRequest(call, deps);
  let response: OutboundResponse;
  try {
    response = await send(deps.callOut);
  } catch (error) {
    // A retry after an unknown outcome is harmless if the run's name contains the event key.
    return failedCall(error);
  }
  const read = readResponse(response, deps.clock.now());
  if (!read.accepted) return namesCause(trigger.target) ? ofCaller(read.outcome, response) : read.outcome;
  const { eventID, listener, namespace } = read;
  const { runsReportedBy, runName, expectRunWithinMinutes } = trigger.target;
  // This is stored before the action expects the run: the run's first event may have arrived already and wait for it.
  if (eventID) await deps.origins.remember(runsReportedBy, eventID, context.busEvent.detail.delivery);
  const emptied = emptiedIn(context, trigger.params);
  const accepted = eventID
    ? "accepted by the listener, run expected"
    : "accepted by the listener without an event id, run expected: only the annotation identifies it";
  return {
    outcome: "expect_run",
    summary: emptied === undefined ? accepted : `${accepted}; ${emptied}`,
    ...((eventID || listener) && { facts: { ...(eventID && { eventID }), ...(listener && { listener }) } }),
    expectation: {
      withinMs: expectRunWithinMinutes * 60_000,
      isRepeatable: runName === "fixed",
      ...(eventID && { eventId: eventID }),
      ...(namespace && { namespace }),
    },
  };
}

/** Whether the token for the listener names who caused the call, so that each has another one. */
const namesCause = ({ identity }: ListenerTarget): boolean =>
  identity !== undefined && ("bridge" in identity || "tokenExchange" in identity);

/** A token of one caller that is not accepted says nothing about the calls of others. */
const ofCaller = (outcome: ActionOutcome, { status }: OutboundResponse): ActionOutcome =>
  outcome.outcome === "retry" && status === 401 ? { ...outcome, targetAnswered: true } : outcome;

/** The same for each attempt, so that a repeat is the same request. */
function originProofFor(
  { route: name, targetName, target }: Trigger,
  { busEvent: { detail } }: ActionContext,
  { secrets }: ActionDeps,
): Promise<string | undefined> {
  const { runsReportedBy, namespaces, originKey } = target;
  const route = {
    name,
    target: targetName,
    runsReportedBy,
    ...(namespaces && { runNamespaces: namespaces }),
    ...(originKey && { originKey }),
  };
  return makeOriginProof(route, { delivery: detail.delivery, eventKey: detail.eventKey }, secrets);
}

/**
 * Who caused an action, for its target: who replayed the event, else the sender of its origin. An unproved sender may name
 * any origin, and so may a run that could prove it and does not: they do not get the identity of that origin's sender.
 */
function causeOf({ busEvent, origin, originProof }: Pick<ActionContext, "busEvent" | "origin" | "originProof">): Cause {
  const { replay: ownReplay, principal: own } = busEvent.detail;
  const isOwnCause = ownReplay !== undefined || own.unproved || originProof === "claimed";
  const { principal, replay } = (isOwnCause ? busEvent : origin).detail;
  const { id, issuer, subject, trustEntry } = principal;
  const named = { id, issuer, subject, ...(trustEntry !== undefined && { trustEntry }) };
  return { principal: named, ...(replay && { replay }) };
}
