import { type BusEvent, busEventsOf, withEventKey } from "../model/bus-event.ts";
import type { OriginClaim } from "../model/event.ts";
import { actionIdOf, occurrenceKeyOf } from "../model/idempotency-keys.ts";
import type { Route } from "../routes/route.ts";
import type { ActionStore } from "../store/actions.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { OriginStore } from "../store/origins.ts";

/** A configured route, and the source that reports the results of its runs. */
export type RunReporter = Pick<Route, "name" | "runsReportedBy">;

export interface CorrelateDeps {
  /** All configured routes. */
  readonly runReporters: readonly RunReporter[];
  readonly deliveries: Pick<DeliveryStore, "get" | "timeline">;
  readonly actions: Pick<ActionStore, "state">;
  readonly origins: Pick<OriginStore, "find">;
}

/** The bridge's own source, for events about approvals. Its origin claims are trusted, because the bridge made them. */
export const OWN_SOURCE = "approvals";

/** The result of tracing an event back to its origin. */
export type Origin =
  | { readonly found: true; readonly busEvent: BusEvent }
  /**
   * `isPending`: the event names a listener's event id that is not stored yet. This happens if the run reports before
   * the listener's response is stored.
   */
  | { readonly found: false; readonly isPending: boolean };

/**
 * Traces an event back to the delivery that caused it: by the annotation that carries our delivery id, then by the
 * listener's event id. Both are claims of the sender, and a sender with a valid credential could name any delivery. A
 * claim is accepted only if one of our routes acted on that delivery and the same source reports the runs of that
 * route.
 */
export async function correlate(busEvent: BusEvent, source: string, deps: CorrelateDeps): Promise<Origin> {
  const claim: OriginClaim = ("origin" in busEvent.detail && busEvent.detail.origin) || {};
  const { delivery, triggerEventId } = claim;
  if (source === OWN_SOURCE) {
    const claimed = delivery === undefined ? undefined : await deps.deliveries.get(delivery);
    const [origin] = claimed ? busEventsOf(claimed) : [];
    return origin === undefined ? { found: false, isPending: false } : { found: true, busEvent: origin };
  }
  const byAnnotation = delivery === undefined ? undefined : await verifyOrigin(delivery, source, deps);
  if (byAnnotation !== undefined) return { found: true, busEvent: byAnnotation };
  if (triggerEventId === undefined) return { found: false, isPending: false };
  const stored = await deps.origins.find(source, triggerEventId);
  if (stored === undefined) return { found: false, isPending: true };
  const byEventId = await verifyOrigin(stored, source, deps);
  return byEventId === undefined ? { found: false, isPending: false } : { found: true, busEvent: byEventId };
}

/** The first event of the claimed delivery on which one of the routes acted whose runs the source reports. */
async function verifyOrigin(delivery: string, source: string, deps: CorrelateDeps): Promise<BusEvent | undefined> {
  const routes = deps.runReporters.filter(({ runsReportedBy }) => runsReportedBy === source);
  if (routes.length === 0) return undefined;
  const origin = await deps.deliveries.get(delivery);
  for (const busEvent of origin ? busEventsOf(origin) : []) {
    for (const { name } of routes) {
      const eventKey = await keyFor(name, busEvent, deps);
      if ((await deps.actions.state(actionIdOf(name, eventKey))) !== undefined) return withEventKey(busEvent, eventKey);
    }
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
