import { ORDERS_SOURCE, orderEvent } from "../delivery/order-event.ts";
import type { Clock } from "../host/clock.ts";
import { type Orders, orderIn, readInputs, rejectPlacing } from "../identity/order.ts";
import type { Policy } from "../identity/policy.ts";
import type { Identity } from "../model/approval.ts";
import type { OrderPart } from "../model/event.ts";
import { deliveryIdOf } from "../model/idempotency-keys.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { Rejection } from "../model/rejection.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { Command, CommandResult } from "./command.ts";

export interface PlaceOrderDeps {
  readonly orders: () => Promise<Orders>;
  readonly policy: Pick<Policy, "rejectOrder">;
  readonly deliveries: Pick<DeliveryStore, "get" | "record" | "addToTimeline">;
  /** Called after each commit of a new record. */
  readonly recorded: (delivery: RecordedDelivery) => void;
  readonly clock: Clock;
}

/** The comment that places an order, and its author with the roles of the account. */
interface Placing {
  readonly by: Identity;
  /** Identifies the comment: one comment places one order in its life. */
  readonly key: readonly string[];
  readonly delivery: RecordedDelivery;
}

/**
 * Places the order that a person's comment names, by the rules of `POST /v1/orders/{order}`. The person is the event's
 * actor, so nobody approves their own order. The comment's timeline names the new delivery.
 */
export async function placeOrder(
  { decision, order: name, inputs }: Extract<Command, { readonly decision: "order" }>,
  { by, key, delivery }: Placing,
  { orders, policy, deliveries, recorded, clock }: PlaceOrderDeps,
): Promise<CommandResult> {
  const id = deliveryIdOf(ORDERS_SOURCE, key);
  const part: OrderPart = { name, inputs };
  const isPlaced = (await deliveries.get(id)) !== undefined;
  const refusal = isPlaced ? undefined : rejectPart(by, part, await orders(), policy);
  if (refusal !== undefined) return { about: name, decision, refusal };
  const at = clock.now();
  const { actor, source: _, ...principal } = by;
  const event = { ...orderEvent(id, part, at), ...(actor !== undefined && { actor: { id: actor } }) };
  const record: RecordedDelivery = {
    id,
    source: ORDERS_SOURCE,
    provider: ORDERS_SOURCE,
    principal,
    receivedAt: at,
    requestId: delivery.requestId,
    ...(delivery.traceparent && { traceparent: delivery.traceparent }),
    bodyDigest: delivery.bodyDigest,
    bodyBytes: delivery.bodyBytes,
    outcome: "event",
    what: event.type,
    subject: event.subject,
    events: [event],
  };
  const isNew = !isPlaced && (await deliveries.record(record)) === "recorded";
  // A repeat writes the timeline too: the first attempt may have been killed before it did.
  await deliveries.addToTimeline(delivery.id, { at, kind: "followed_by", delivery: id, what: event.type });
  if (isNew) recorded(record);
  return { about: name, decision };
}

/** Without a role for the order, nothing is said about its inputs. */
function rejectPart(
  by: Identity,
  part: OrderPart,
  orders: Orders,
  policy: Pick<Policy, "rejectOrder">,
): Rejection | undefined {
  const declared = orderIn(orders, part.name);
  if (declared === undefined) return { reason: "order_unknown" };
  const forbidden = policy.rejectOrder(by, declared.roles, "anything");
  if (forbidden !== undefined) return forbidden;
  const read = readInputs(part.inputs, declared);
  return read.ok ? rejectPlacing(by, part, declared, policy) : read.rejection;
}
