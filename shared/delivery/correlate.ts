import { isListed } from "../host/name-pattern.ts";
import { APPROVALS_SOURCE, type BusEvent, busEventsOf, FLOW_SOURCE, withEventKey } from "../model/bus-event.ts";
import type { OriginClaim, OriginProof } from "../model/event.ts";
import { actionIdOf, occurrenceKeyOf } from "../model/idempotency-keys.ts";
import type { Route } from "../routes/route.ts";
import type { ActionStore } from "../store/actions.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { OriginStore } from "../store/origins.ts";
import { proofFor } from "./origin-proof.ts";

/** A configured route, and the source that reports the results of its runs. */
export type RunReporter = Pick<
  Route,
  "name" | "runsReportedBy" | "runNamespaces" | "runsStaleAfterMs" | "originKey" | "environments" | "flow"
> & {
  /** The route passes the digest of an image to its runs, so it promotes none without. */
  readonly needsDigest?: boolean;
  /** The route starts no run: it decides tasks that wait inside runs. */
  readonly answersTasks?: boolean;
};

export interface CorrelateDeps {
  /** All configured routes. */
  readonly runReporters: readonly RunReporter[];
  readonly deliveries: Pick<DeliveryStore, "get" | "timeline">;
  readonly actions: Pick<ActionStore, "state">;
  readonly origins: Pick<OriginStore, "find">;
}

/** The bridge's own source, for events about pages. */
export const PAGES_SOURCE = "pages";

/** Whether the origin claims of a source are trusted, because the bridge made them. */
export const makesOwnClaims = (source: string): boolean =>
  source === APPROVALS_SOURCE || source === PAGES_SOURCE || source === FLOW_SOURCE;

/** The result of tracing an event back to its origin. */
export type Origin =
  | { readonly found: true; readonly busEvent: BusEvent; readonly proof: OriginProof }
  /**
   * `waitsFor`: the run reports before the listener's response is stored. `event_id`: the event names an event id that is
   * not known, and may never be. `response`: the action that fired the run has not ended, and its response will name the
   * namespace of the run; `busEvent` is the origin then, if the namespace is that of the run.
   */
  | { readonly found: false; readonly waitsFor?: "event_id" }
  | { readonly found: false; readonly waitsFor: "response"; readonly busEvent: BusEvent };

/**
 * Traces an event back to the delivery that caused it: by the annotation that carries our delivery id, then by the
 * listener's event id. Both are claims of the sender, and a sender with a valid credential could name any delivery. A
 * claim is accepted only if one of our routes acted on that delivery, the same source reports the runs of that route, and
 * the run is in a namespace that the route's target names. If the target's settings name none, it is the namespace of the
 * listener that accepted the request. What the run proved at receipt says whether the claim is more than one.
 */
export async function correlate(busEvent: BusEvent, source: string, deps: CorrelateDeps): Promise<Origin> {
  const claim: OriginClaim = ("origin" in busEvent.detail && busEvent.detail.origin) || {};
  const { delivery, triggerEventId } = claim;
  if (makesOwnClaims(source)) {
    const claimed = delivery === undefined ? undefined : await deps.deliveries.get(delivery);
    const [origin] = claimed ? busEventsOf(claimed) : [];
    return origin === undefined ? NOT_FOUND : { found: true, busEvent: origin, proof: claim.proof ?? "proved" };
  }
  const run = { source, namespace: claim.namespace, proved: claim.proved };
  const byAnnotation = delivery === undefined ? NOT_FOUND : await verifyOrigin(delivery, run, deps);
  if (byAnnotation.found || "waitsFor" in byAnnotation || triggerEventId === undefined) return byAnnotation;
  const stored = await deps.origins.find(source, triggerEventId);
  if (stored === undefined) return { found: false, waitsFor: "event_id" };
  // The proof is for the delivery that the annotation names.
  return stored === delivery ? byAnnotation : verifyOrigin(stored, { ...run, proved: undefined }, deps);
}

const NOT_FOUND: Origin = { found: false };

/** The run that makes a claim. */
interface ClaimingRun {
  readonly source: string;
  /** Undefined in records of earlier releases, whose claims are accepted from every namespace. */
  readonly namespace: string | undefined;
  readonly proved: OriginClaim["proved"];
}

/**
 * The event of the claimed delivery on which the proved route acted; else the first one on which one of the routes acted
 * whose runs the source reports.
 */
async function verifyOrigin(delivery: string, run: ClaimingRun, deps: CorrelateDeps): Promise<Origin> {
  const routes = deps.runReporters.filter(({ runsReportedBy }) => runsReportedBy === run.source);
  const origin = routes.length === 0 ? undefined : await deps.deliveries.get(delivery);
  let result: Origin = NOT_FOUND;
  for (const busEvent of origin ? busEventsOf(origin) : []) {
    for (const route of routes) {
      const eventKey = await keyFor(route.name, busEvent, deps);
      const state = await deps.actions.state(actionIdOf(route.name, eventKey));
      if (state === undefined) continue;
      const named = route.runNamespaces ?? (run.namespace && (await answeredNamespace(route.name, busEvent, deps)));
      if (run.namespace === undefined || (named && isListed(run.namespace, [named].flat()))) {
        const proof = proofFor(run.proved, { route: route.name, eventKey }, routes);
        const found: Origin = { found: true, busEvent: withEventKey(busEvent, eventKey), proof };
        if (proof === "proved" || run.proved === undefined) return found;
        if (!result.found) result = found;
      } else if (named === undefined && state === "due" && !result.found) {
        result = { found: false, waitsFor: "response", busEvent: withEventKey(busEvent, eventKey) };
      }
    }
  }
  return result;
}

/** The namespace of the listener that accepted a route's request for an event; undefined if it is not known. */
async function answeredNamespace(
  route: string,
  { detail: { id, delivery } }: BusEvent,
  { deliveries }: CorrelateDeps,
): Promise<string | undefined> {
  for (const line of await deliveries.timeline(delivery)) {
    if (line.kind !== "attempt" || line.route !== route || (line.event ?? delivery) !== id) continue;
    const [namespace, listener] = line.facts?.["listener"]?.split("/") ?? [];
    if (namespace && listener) return namespace;
  }
  return undefined;
}

/** The key with which a route acted on an event: that of the occurrence that the timeline names. */
async function keyFor(
  route: string,
  { detail: { id, delivery, eventKey, undated } }: BusEvent,
  { deliveries }: CorrelateDeps,
): Promise<string> {
  if (!undated) return eventKey;
  const line = (await deliveries.timeline(delivery)).find(
    (one) => one.kind === "scheduled" && one.route === route && (one.event ?? delivery) === id,
  );
  return occurrenceKeyOf(eventKey, (line?.kind === "scheduled" && line.occurrence) || 1);
}
