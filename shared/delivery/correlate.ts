import { type BusEvent, busEventOf } from "../model/bus-event.ts";
import type { OriginClaim } from "../model/event.ts";
import { actionIdOf } from "../model/idempotency-keys.ts";
import type { Route } from "../routes/route.ts";
import type { ActionStore } from "../store/actions.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { OriginStore } from "../store/origins.ts";

/** A route as configured, and the source that reports what becomes of its runs. */
export type RunReporter = Pick<Route, "name" | "runsReportedBy">;

export interface CorrelateDeps {
  /** Every configured route, and the source that reports its runs. */
  readonly runReporters: readonly RunReporter[];
  readonly deliveries: Pick<DeliveryStore, "get">;
  readonly actions: Pick<ActionStore, "state">;
  readonly origins: Pick<OriginStore, "find">;
}

/** The bridge's own source: it tells of approvals, and its word is its own record. */
export const OWN_SOURCE = "approvals";

/** What an event was traced back to. */
export type Origin =
  | { readonly found: true; readonly busEvent: BusEvent }
  /** `mayCome`: it names a listener's event id that is not stored yet, as when the run was faster than the answer. */
  | { readonly found: false; readonly mayCome: boolean };

/**
 * Traces an event back to the delivery that caused it: by the annotation that carries our delivery id, then by the
 * listener's event id. Either is only what the sender says, and a sender with a good credential could name any delivery.
 * So it is believed only where one of our routes really acted on that delivery, on a target whose runs this very source
 * reports.
 */
export async function correlate(busEvent: BusEvent, source: string, deps: CorrelateDeps): Promise<Origin> {
  const claim: OriginClaim = ("origin" in busEvent.detail && busEvent.detail.origin) || {};
  const { delivery, triggerEventId } = claim;
  if (source === OWN_SOURCE) {
    const told = delivery === undefined ? undefined : await deps.deliveries.get(delivery);
    const own = told && busEventOf(told);
    return own === undefined ? { found: false, mayCome: false } : { found: true, busEvent: own };
  }
  const byAnnotation = delivery === undefined ? undefined : await believed(delivery, source, deps);
  if (byAnnotation !== undefined) return { found: true, busEvent: byAnnotation };
  if (triggerEventId === undefined) return { found: false, mayCome: false };
  const remembered = await deps.origins.find(source, triggerEventId);
  if (remembered === undefined) return { found: false, mayCome: true };
  const byEventId = await believed(remembered, source, deps);
  return byEventId === undefined ? { found: false, mayCome: false } : { found: true, busEvent: byEventId };
}

async function believed(delivery: string, source: string, deps: CorrelateDeps): Promise<BusEvent | undefined> {
  const reported = deps.runReporters.filter(({ runsReportedBy }) => runsReportedBy === source);
  if (reported.length === 0) return undefined;
  const origin = await deps.deliveries.get(delivery);
  const busEvent = origin && busEventOf(origin);
  if (busEvent === undefined) return undefined;
  for (const { name } of reported) {
    if ((await deps.actions.state(actionIdOf(name, busEvent.detail.eventKey))) !== undefined) return busEvent;
  }
  return undefined;
}
