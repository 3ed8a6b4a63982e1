import { type Clock, type EpochMillis, laterBy } from "../host/clock.ts";
import { type BusEvent, isMeantFor } from "../model/bus-event.ts";
import { actionIdOf } from "../model/idempotency-keys.ts";
import type { Replay } from "../model/recorded-delivery.ts";
import { eventIn } from "../model/timeline.ts";
import type { Route } from "../routes/route.ts";
import type { ActionStore } from "../store/actions.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import { type ActDeps, type AttemptResult, act, ROUTE_REMOVED } from "./act.ts";

export interface ScheduleDeps {
  readonly actions: Pick<ActionStore, "schedule">;
  readonly deliveries: Pick<DeliveryStore, "addToTimeline">;
  readonly clock: Clock;
}

interface Scheduled {
  readonly id: string;
  /** Stored by this call. */
  readonly isNew: boolean;
  /** Stored for this delivery, now or earlier; false if another delivery of the same event came first. */
  readonly isOwn: boolean;
}

/**
 * Stores a route's action for an event as due, once, and adds it to the delivery's timeline. A repeat writes the same
 * line again: the earlier write may have failed, and a replay reads from these lines which routes a delivery matched.
 */
export async function schedule(
  { name: route, action, target }: Pick<Route, "name" | "action" | "target">,
  { id: event, eventKey, delivery }: Pick<BusEvent["detail"], "id" | "eventKey" | "delivery">,
  { actions, deliveries, clock }: ScheduleDeps,
): Promise<Scheduled> {
  const id = actionIdOf(route, eventKey);
  const now = clock.now();
  const ofEvent = eventIn({ id: event, delivery });
  const { scheduled, ...first } = await actions.schedule(
    { id, route, action, target, eventKey, delivery, ...ofEvent },
    now,
  );
  const isOwn = first.delivery === delivery;
  await deliveries.addToTimeline(
    delivery,
    isOwn
      ? { at: first.at, kind: "scheduled", route, ...ofEvent, action }
      : { at: now, kind: "already_scheduled", route, ...ofEvent, action, by: first.delivery },
  );
  return { id, isNew: scheduled, isOwn };
}

/** An event as a queue message carries it. Everything else is in the delivery's record. */
export type QueuedEvent = Pick<BusEvent["detail"], "id" | "eventKey" | "delivery"> & {
  readonly replay?: Pick<Replay, "routes"> | undefined;
  /** When the message was put into the queue. */
  readonly queuedAt: EpochMillis;
};

/** How long a message may name a route that its function does not know: a deployment updates its parts one by one. */
const DEPLOYMENT_MS = 900_000;
const UNKNOWN_ROUTE_RETRY_MS = 60_000;

/**
 * Runs a route's action for an event from a queue, as often as the queue delivers it. The action is stored before it
 * runs. Only the message of the delivery that stored it runs it.
 */
export async function actOn(routeName: string, queued: QueuedEvent, deps: ActDeps): Promise<AttemptResult> {
  if (!isMeantFor(routeName, queued)) return { result: "finished" };
  const route = deps.routes.find(({ name }) => name === routeName);
  if (route === undefined) return withoutRoute(queued, deps);
  const { id, isOwn } = await schedule(route, queued, deps);
  return isOwn ? act(id, deps) : { result: "finished" };
}

function withoutRoute({ queuedAt }: QueuedEvent, { clock }: { readonly clock: Clock }): AttemptResult {
  const now = clock.now();
  return now < laterBy(queuedAt, DEPLOYMENT_MS)
    ? { result: "again", at: laterBy(now, UNKNOWN_ROUTE_RETRY_MS) }
    : { result: "gave_up", summary: ROUTE_REMOVED.summary };
}
