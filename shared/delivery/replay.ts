import type { Clock } from "../host/clock.ts";
import type { TraceParent } from "../host/trace.ts";
import type { Identity } from "../model/approval.ts";
import { deliveryIdOf } from "../model/idempotency-keys.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { DeliveryStore } from "../store/deliveries.ts";

export interface ReplayDeps {
  readonly deliveries: Pick<DeliveryStore, "get" | "record" | "addToTimeline">;
  /** Called after each commit of a new record. It nudges the relay on one machine; in AWS the table's stream does. */
  readonly recorded: (delivery: RecordedDelivery) => void;
  readonly clock: Clock;
}

export interface ReplayOrder {
  /** A delivery that is an event. */
  readonly of: RecordedDelivery;
  readonly routes: readonly string[];
  readonly by: Identity;
  readonly isRollback: boolean;
  /** What makes two orders the same one, whatever they would come to now. */
  readonly key: readonly string[];
  readonly requestId: string;
  readonly traceparent?: TraceParent | undefined;
}

export interface Replayed {
  /** The new one, which its own timeline follows. */
  readonly delivery: string;
  readonly replayOf: string;
  readonly status: "accepted" | "duplicate";
}

/**
 * Has a delivery run again for some of its routes: the same event, recorded once more with an id and a key of its own and
 * with whoever wants it as its principal. It then takes the way of every delivery, gates included.
 */
export async function replay(order: ReplayOrder, deps: ReplayDeps): Promise<Replayed> {
  const record = recordOf(order, deps.clock);
  const isNew = (await deps.deliveries.record(record)) === "recorded";
  // Once more for a repeat: whoever came first may have died before it was told. What was recorded first counts.
  const { id, receivedAt: at, replay: kept } = (isNew ? undefined : await deps.deliveries.get(record.id)) ?? record;
  const { of: replayOf, routes, isRollback } = kept ?? record.replay;
  const entry = { at, kind: "replayed", delivery: id, routes, by: order.by, isRollback } as const;
  await deps.deliveries.addToTimeline(replayOf, entry);
  if (isNew) deps.recorded(record);
  return { delivery: id, replayOf, status: isNew ? "accepted" : "duplicate" };
}

function recordOf({ of, routes, by, isRollback, key, requestId, traceparent }: ReplayOrder, clock: Clock) {
  // "api" is no source's name, so no sender's delivery can have this id.
  const id = deliveryIdOf("api", ["replay", ...key]);
  const { actor, ...principal } = by;
  const { relayedAt: _, unrelayed: _____, body: __, refusal: ___, traceparent: ____, event, ...rest } = of;
  return {
    ...rest,
    ...{ id, principal, receivedAt: clock.now(), requestId },
    ...(traceparent && { traceparent }),
    ...(event && { event: { ...event, keyParts: [...event.keyParts, "replay", id] } }),
    replay: { of: of.id, routes, isRollback, ...(actor !== undefined && { actor }) },
  } satisfies RecordedDelivery;
}
