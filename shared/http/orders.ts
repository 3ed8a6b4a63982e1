import * as v from "valibot";
import type { RulesOf } from "../approvals/configured-rules.ts";
import { type NeededApproval, neededApproval } from "../approvals/needed-approval.ts";
import { ORDERS_SOURCE, orderEvent } from "../delivery/order-event.ts";
import { type CallerDeps, callerOf } from "../identity/caller.ts";
import {
  inputShapes,
  type Order,
  type Orders,
  orderIn,
  readInputs,
  rejectAlone,
  rejectPlacing,
} from "../identity/order.ts";
import type { Policy } from "../identity/policy.ts";
import { busEventsOf } from "../model/bus-event.ts";
import type { OrderPart } from "../model/event.ts";
import { factsOf } from "../model/event-facts.ts";
import { deliveryIdOf } from "../model/idempotency-keys.ts";
import type { InputShape } from "../model/order-input.ts";
import { actorsOf, type Principal } from "../model/principal.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { Rejection } from "../model/rejection.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import { matches } from "../routes/matches.ts";
import type { RoutePattern } from "../routes/route-pattern.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import { parseJsonBody } from "./json-body.ts";
import { ownDelivery } from "./own-delivery.ts";

export interface OrdersApi extends CallerDeps {
  readonly deliveries: Pick<DeliveryStore, "get" | "record">;
  readonly policy: Pick<Policy, "rejectCall" | "rejectOrder" | "rejectRoute" | "rolesFor">;
  /** The orders of the configuration. */
  readonly orders: () => Promise<Orders>;
  /** The patterns of the configured routes. */
  readonly patterns: () => Promise<readonly RoutePattern[]>;
  readonly rules: RulesOf;
  /** Called after each commit of a new record. It nudges the relay on one machine; in AWS the table's stream does. */
  readonly recorded: (delivery: RecordedDelivery) => void;
}

export const placingBody = v.strictObject({ inputs: v.optional(v.record(v.string(), v.string()), {}) });

export interface ListedOrders {
  /** Those that the caller may place with some inputs, by their names. */
  readonly orders: readonly ShownOrder[];
}

export interface ShownOrder {
  readonly order: string;
  readonly description?: string;
  readonly inputs: readonly InputShape[];
}

/** What an order would do now. */
export interface OrderPreview {
  readonly order: string;
  readonly routes: readonly OrderedRoute[];
}

/** A route that matches the order. */
export interface OrderedRoute {
  readonly route: string;
  readonly target: string;
  /** Who has to approve the run; absent if nobody has to, as in shadow mode. */
  readonly approval?: NeededApproval;
  /** Why it would not fire for this caller. */
  readonly problem?: string;
}

export interface PlacedOrder {
  readonly delivery: string;
  readonly status: "accepted" | "duplicate";
}

/** `GET /v1/orders`: what the caller may place. */
export async function listOrders(request: ReceivedRequest, api: OrdersApi): Promise<Result<ListedOrders>> {
  const caller = await callerOf(request, "of an order", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  const orders = Object.entries(await api.orders()).filter(
    ([, { roles }]) => api.policy.rejectOrder(by, roles, "anything") === undefined,
  );
  return ok({
    orders: orders.map(([name, one]) => shownOrder(name, one)).sort((a, b) => (a.order < b.order ? -1 : 1)),
  });
}

const shownOrder = (name: string, one: Order): ShownOrder => ({
  order: name,
  ...(one.description !== undefined && { description: one.description }),
  inputs: inputShapes(one),
});

/** `POST /v1/orders/{order}/preview`: what an order with these inputs would do now. Records nothing. */
export async function previewOrder(
  request: ReceivedRequest,
  name: string,
  api: OrdersApi,
): Promise<Result<OrderPreview>> {
  const wanted = await wantedOrder(request, name, api);
  if (!wanted.ok) return wanted;
  const { by, part, problem } = wanted.value;
  // Without the caller, so that it is not recorded: somebody who tries inputs has ordered nothing.
  if (problem !== undefined) return reject(problem);
  const published = busEventsOf(recordOf("d-preview", wanted.value, request));
  const matched = (await api.patterns()).filter(({ pattern }) => published.some((event) => matches(pattern, event)));
  const about = [factsOf({ type: "order.placed", time: "", subject: "", order: part })];
  const orders = await api.orders();
  return ok({ order: name, routes: matched.map((one) => orderedRoute(one, { by, part, about, orders }, api)) });
}

function orderedRoute(
  { name, target, mode }: RoutePattern,
  { by, part, about, orders }: PreviewedOrder,
  { policy, rules }: OrdersApi,
): OrderedRoute {
  if (mode === "shadow") return { route: name, target };
  const approval = neededApproval(name, about, { rules, policy });
  const problem =
    (policy.rejectRoute(by, "fire", name, about) && "none of your roles may fire it") ??
    (rejectAlone(part, { orders, hasApproval: approval !== undefined }) &&
      "it needs no approval, and agents fire no such route");
  return {
    route: name,
    target,
    ...(approval && { approval }),
    ...(problem && { problem }),
  };
}

interface PreviewedOrder {
  readonly by: Principal;
  readonly part: OrderPart;
  readonly about: readonly ReturnType<typeof factsOf>[];
  readonly orders: Orders;
}

/**
 * `POST /v1/orders/{order}`: records an order as a delivery, in one write. Routes, approvals and everything after that are
 * those of every delivery. The same key with the same inputs gets the same answer and runs nothing again, also if the
 * order's declaration has changed meanwhile.
 */
export async function placeOrder(request: ReceivedRequest, name: string, api: OrdersApi): Promise<Result<PlacedOrder>> {
  const wanted = await wantedOrder(request, name, api);
  if (!wanted.ok) return wanted;
  const { by, part, problem } = wanted.value;
  const key = request.headers.get("idempotency-key") ?? "";
  if (key === "" || key.length > MAX_KEY_LENGTH) return reject({ reason: "idempotency_key_missing" }, by);
  // One person may have tokens of several trust entries of an issuer, and an entry may get another name.
  const id = deliveryIdOf(ORDERS_SOURCE, [name, by.issuer, by.subject, ...actorsOf(by), key]);
  const delivery = recordOf(id, wanted.value, request);
  if (problem === undefined && (await api.deliveries.record(delivery)) === "recorded") {
    api.recorded(delivery);
    return ok({ delivery: id, status: "accepted" });
  }
  const first = await api.deliveries.get(id);
  if (first !== undefined && isSameOrder(first, part)) return ok({ delivery: id, status: "duplicate" });
  return reject(problem ?? { reason: "idempotency_key_reused" }, by);
}

/** Characters of a key. */
const MAX_KEY_LENGTH = 200;

function isSameOrder({ events }: RecordedDelivery, { inputs }: OrderPart): boolean {
  const [first] = events ?? [];
  if (first === undefined || !("order" in first)) return false;
  const entries = (all: OrderPart["inputs"]): string => JSON.stringify(Object.entries(all).sort(byName));
  return entries(first.order.inputs) === entries(inputs);
}

const byName = ([a]: readonly [string, string], [b]: readonly [string, string]): number => (a < b ? -1 : 1);

interface WantedOrder {
  readonly by: Principal;
  readonly part: OrderPart;
  /** What is wrong with the inputs by the declaration of today. */
  readonly problem: Rejection | undefined;
}

/** The order that a request asks for, if the caller holds one of its roles. */
async function wantedOrder(request: ReceivedRequest, name: string, api: OrdersApi): Promise<Result<WantedOrder>> {
  const caller = await callerOf(request, "of an order", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  const declared = orderIn(await api.orders(), name);
  if (declared === undefined) return reject({ reason: "order_unknown" }, by);
  const forbidden = api.policy.rejectOrder(by, declared.roles, "anything");
  if (forbidden) return reject(forbidden, by);
  const body = parseJsonBody(request.body, placingBody);
  if (!body.ok) return reject(body.rejection, by);
  const [act] = actorsOf(by);
  const part: OrderPart = { name, inputs: body.value.inputs, ...(act !== undefined && { act }) };
  const read = readInputs(part.inputs, declared);
  const problem = read.ok ? rejectPlacing(by, part, declared, api.policy) : read.rejection;
  return ok({ by, part, problem });
}

function recordOf(
  id: string,
  { by, part }: Pick<WantedOrder, "by" | "part">,
  request: ReceivedRequest,
): RecordedDelivery {
  const event = orderEvent(id, part, request.receivedAt);
  return ownDelivery({ id, source: ORDERS_SOURCE, principal: by, event }, request);
}
