import type { Clock } from "../host/clock.ts";
import type { TraceParent } from "../host/trace.ts";
import { withoutCredentials } from "../host/url-credentials.ts";
import type { Identity } from "../model/approval.ts";
import type { BridgeEvent, BridgeEvents } from "../model/event.ts";
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
  /** The delivery to replay. Its outcome is `event`. */
  readonly of: RecordedDelivery;
  readonly routes: readonly string[];
  readonly by: Identity;
  readonly isRollback: boolean;
  /**
   * The idempotency key of the order: a second order with the same key is a duplicate, even if its other members
   * differ.
   */
  readonly key: readonly string[];
  readonly requestId: string;
  readonly traceparent?: TraceParent | undefined;
}

export interface Replayed {
  /** The new delivery, which has a timeline of its own. */
  readonly delivery: string;
  readonly replayOf: string;
  readonly status: "accepted" | "duplicate";
}

/**
 * Runs a delivery again for some of its routes. The same event is recorded again, with an id and a key of its own and
 * with the caller as its principal. It is then relayed and acted on like every delivery, gates included.
 */
export async function replay(order: ReplayOrder, deps: ReplayDeps): Promise<Replayed> {
  const record = recordOf(order, deps.clock);
  const isNew = (await deps.deliveries.record(record)) === "recorded";
  // A repeat writes the timeline too: the first call may have crashed before it did. The first record counts.
  const { id, receivedAt: at, replay: recorded } = (isNew ? undefined : await deps.deliveries.get(record.id)) ?? record;
  const { of: replayOf, routes, isRollback } = recorded ?? record.replay;
  const timelineEvent = { at, kind: "replayed", delivery: id, routes, by: order.by, isRollback } as const;
  await deps.deliveries.addToTimeline(replayOf, timelineEvent);
  if (isNew) deps.recorded(record);
  return { delivery: id, replayOf, status: isNew ? "accepted" : "duplicate" };
}

function recordOf({ of, routes, by, isRollback, key, requestId, traceparent }: ReplayOrder, clock: Clock) {
  // No source can have the name "api", so no sender's delivery can have this id.
  const id = deliveryIdOf("api", ["replay", ...key]);
  const { actor, ...principal } = by;
  const {
    relayedAt: _relayedAt,
    unrelayed: _unrelayed,
    body: _body,
    refusal: _refusal,
    repeats: _repeats,
    traceparent: _traceparent,
    events,
    ...rest
  } = of;
  return {
    ...rest,
    id,
    principal,
    receivedAt: clock.now(),
    requestId,
    ...(traceparent && { traceparent }),
    ...(events && { events: eventsOfReplay(events, id) }),
    replay: { of: of.id, routes, isRollback, ...(actor !== undefined && { actor }) },
  } satisfies RecordedDelivery;
}

/** The same events with keys of their own. Earlier releases recorded URLs with credentials. */
function eventsOfReplay(events: BridgeEvents, id: string): BridgeEvents {
  const [first, ...others] = withoutCredentials(events);
  const again = <Event extends BridgeEvent>(event: Event): Event => ({
    ...event,
    keyParts: [...event.keyParts, "replay", id],
  });
  return [again(first), ...others.map(again)];
}
