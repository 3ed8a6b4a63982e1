import { type Clock, epochMillis } from "../host/clock.ts";
import type { BusEvent } from "../model/bus-event.ts";
import { REPEAT_MS } from "../model/event.ts";
import { actionIdOf, occurrenceKeyOf } from "../model/idempotency-keys.ts";
import { eventIn } from "../model/timeline.ts";
import type { Route } from "../routes/route.ts";
import type { ActionStore } from "../store/actions.ts";
import type { DeliveryStore } from "../store/deliveries.ts";

export interface ScheduleDeps {
  readonly actions: Pick<ActionStore, "schedule">;
  readonly deliveries: Pick<DeliveryStore, "addToTimeline" | "markRepeat">;
  readonly clock: Clock;
}

interface Scheduled {
  readonly id: string;
  /** Stored by this call. */
  readonly isNew: boolean;
  /** Stored for this delivery, now or earlier; false if another delivery of the same event came first. */
  readonly isOwn: boolean;
}

/** The members of a published event that its actions are stored with. */
type EventToSchedule = Pick<BusEvent["detail"], "id" | "eventKey" | "delivery" | "time" | "undated">;

/**
 * Stores a route's action for an event as due, once, and adds it to the delivery's timeline. A repeat writes the same
 * line again: the earlier write may have failed, and a replay reads from these lines which routes a delivery matched. A
 * delivery whose event was reported before is marked as a repeat, for the list.
 *
 * The key of an undated event may belong to an earlier occurrence. The action is then stored as the next occurrence, with
 * a key of its own. Each conditional write decides whether an occurrence is free, so two reports of one agree.
 */
export async function schedule(
  { name: route, action, target }: Pick<Route, "name" | "action" | "target">,
  detail: EventToSchedule,
  { actions, deliveries, clock }: ScheduleDeps,
): Promise<Scheduled> {
  const { delivery } = detail;
  const now = clock.now();
  const receivedAt = detail.undated && epochMillis(Date.parse(detail.time));
  for (let occurrence = 1; ; occurrence++) {
    const eventKey = occurrenceKeyOf(detail.eventKey, occurrence);
    const id = actionIdOf(route, eventKey);
    const due = {
      id,
      route,
      action,
      target,
      eventKey,
      delivery,
      ...eventIn(detail),
      ...(receivedAt && { receivedAt }),
    };
    const { scheduled, ...first } = await actions.schedule(due, now);
    const line = { route, ...eventIn(detail), action };
    if (first.delivery === delivery) {
      const which = occurrence === 1 ? {} : { occurrence };
      await deliveries.addToTimeline(delivery, { at: first.at, kind: "scheduled", ...line, ...which });
      return { id, isNew: scheduled, isOwn: true };
    }
    if (receivedAt === undefined || Math.abs(receivedAt - first.receivedAt) <= REPEAT_MS) {
      await deliveries.addToTimeline(delivery, { at: now, kind: "already_scheduled", ...line, by: first.delivery });
      await deliveries.markRepeat(delivery, first.delivery);
      return { id, isNew: false, isOwn: false };
    }
  }
}
