import type { Clock } from "../host/clock.ts";
import type { BusEvent } from "../model/bus-event.ts";
import { actionIdOf } from "../model/idempotency-keys.ts";
import type { Route } from "../routes/route.ts";
import type { ActionStore } from "../store/actions.ts";
import type { DeliveryStore } from "../store/deliveries.ts";

interface ScheduleDeps {
  readonly actions: Pick<ActionStore, "schedule">;
  readonly deliveries: Pick<DeliveryStore, "addToTimeline">;
  readonly clock: Clock;
}

interface Scheduled {
  readonly id: string;
  /** Stored just now. */
  readonly isNew: boolean;
  /** Stored for this delivery, now or before; else for another one of the same happening, whose action counts for both. */
  readonly isOwn: boolean;
}

/**
 * Stores a route's action for an event as due, once, and tells the delivery's timeline so. Told again it writes the same
 * line again: the one before may have failed, and a replay reads from these lines which routes a delivery met.
 */
export async function schedule(
  { name: route, action, target }: Pick<Route, "name" | "action" | "target">,
  { eventKey, delivery }: Pick<BusEvent["detail"], "eventKey" | "delivery">,
  { actions, deliveries, clock }: ScheduleDeps,
): Promise<Scheduled> {
  const id = actionIdOf(route, eventKey);
  const now = clock.now();
  const { scheduled, ...first } = await actions.schedule({ id, route, action, target, eventKey, delivery }, now);
  const isOwn = first.delivery === delivery;
  await deliveries.addToTimeline(
    delivery,
    isOwn
      ? { at: first.at, kind: "scheduled", route, action }
      : { at: now, kind: "already_scheduled", route, action, by: first.delivery },
  );
  return { id, isNew: scheduled, isOwn };
}
