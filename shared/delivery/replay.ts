import type { Clock } from "../host/clock.ts";
import type { TraceParent } from "../host/trace.ts";
import { withoutCredentials } from "../host/url-credentials.ts";
import type { Identity } from "../model/approval.ts";
import type { BridgeEvent, BridgeEvents } from "../model/event.ts";
import { deliveryIdOf } from "../model/idempotency-keys.ts";
import { type NamedPrincipal, namedPrincipal } from "../model/principal.ts";
import type { Promotion, RecordedDelivery } from "../model/recorded-delivery.ts";
import type { ActionStore } from "../store/actions.ts";
import type { DeliveryStore } from "../store/deliveries.ts";

export interface ReplayDeps {
  readonly deliveries: Pick<DeliveryStore, "get" | "record" | "addToTimeline">;
  readonly actions: Pick<ActionStore, "answer">;
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
  /** Present if the order promotes a run. Otherwise a replay of a promotion deploys to where that one did. */
  readonly promotion?: Promotion;
  /**
   * The idempotency key of the order: a second order with the same key is a duplicate, even if its other members
   * differ.
   */
  readonly key: readonly string[];
  readonly reason?: string | undefined;
  /** The id that the new delivery would have by the caller's own key, if `key` is another one. */
  readonly order?: string | undefined;
  /** The actions of the delivery whose failure the replay answers for: a person need not look at them any more. */
  readonly answersFor?: readonly string[];
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
  // A repeat writes the timeline too: the first call may have crashed before it did. The first record counts, and who
  // repeats it may be somebody else.
  const first = (isNew ? undefined : await deps.deliveries.get(record.id)) ?? record;
  const { id, receivedAt: at, principal, replay: recorded } = first;
  const { of: replayOf, routes, isRollback, actor, reason, promotion } = recorded ?? record.replay;
  const by = { ...principal, ...(actor !== undefined && { actor }) };
  const promotedTo = promotion?.from === undefined ? {} : { promotedTo: promotion.to };
  const line = { at, kind: "replayed", delivery: id, routes, by, isRollback, ...promotedTo } as const;
  await deps.deliveries.addToTimeline(replayOf, { ...line, ...(reason !== undefined && { reason }) });
  for (const action of order.answersFor ?? []) await deps.actions.answer(action);
  if (isNew) deps.recorded(record);
  return { delivery: id, replayOf, status: isNew ? "accepted" : "duplicate" };
}

/** The id of the new delivery. No source can have the name "api", so no sender's delivery can have this id. */
export const replayIdOf = (key: readonly string[]): string => deliveryIdOf("api", ["replay", ...key]);

function recordOf(
  { of, routes, by, isRollback, promotion, key, order, reason, requestId, traceparent }: ReplayOrder,
  clock: Clock,
) {
  const deployed = promotion ?? repeatedPromotion(of);
  const id = replayIdOf(key);
  const { actor, ...principal } = by;
  const sender = senderOf(of);
  return {
    ...copyOf(of, id),
    principal,
    receivedAt: clock.now(),
    requestId,
    ...(traceparent && { traceparent }),
    replay: {
      of: of.id,
      routes,
      isRollback,
      ...(deployed && { promotion: deployed }),
      ...(actor !== undefined && { actor }),
      ...(reason !== undefined && { reason }),
      ...(order !== undefined && { order }),
      ...(sender && { principal: sender }),
    },
  } satisfies RecordedDelivery;
}

function repeatedPromotion({ replay: earlier }: RecordedDelivery): Promotion | undefined {
  if (earlier?.promotion === undefined) return undefined;
  const { from: _from, ...deployed } = earlier.promotion;
  return deployed;
}

/** The record of what a delivery reported, under another id, without what became of the delivery itself. */
export function copyOf(of: RecordedDelivery, id: string): RecordedDelivery {
  const {
    relayedAt: _relayedAt,
    unrelayed: _unrelayed,
    headers: _headers,
    body: _body,
    refusal: _refusal,
    repeats: _repeats,
    traceparent: _traceparent,
    events,
    ...rest
  } = of;
  return { ...rest, id, ...(events && { events: eventsOfCopy(events, id) }) };
}

/** Undefined if a release recorded the replay that is replayed now, and did not record who sent its original. */
const senderOf = ({ principal, replay: earlier }: RecordedDelivery): NamedPrincipal | undefined =>
  earlier === undefined ? namedPrincipal(principal) : earlier.principal;

/** The same events with keys of their own. Earlier releases recorded URLs with credentials. */
function eventsOfCopy(events: BridgeEvents, id: string): BridgeEvents {
  const [first, ...others] = withoutCredentials(events);
  const again = <Event extends BridgeEvent>(event: Event): Event => ({
    ...event,
    keyParts: [...event.keyParts, "replay", id],
  });
  return [again(first), ...others.map(again)];
}
