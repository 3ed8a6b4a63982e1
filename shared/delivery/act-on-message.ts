import { type EpochMillis, laterBy } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { type BusEvent, busEventsOf, isMeantFor } from "../model/bus-event.ts";
import { actionIdOf } from "../model/idempotency-keys.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { Route } from "../routes/route.ts";
import { type ActDeps, type AttemptResult, act } from "./act.ts";
import { MISSING_ROUTE_GRACE_MS, ROUTE_REMOVED } from "./missing-routes.ts";
import { isOwnEdit, type OwnEditDeps } from "./own-edits.ts";
import { schedule } from "./schedule.ts";

/**
 * What a queue message asks for. Whoever can put an event on the bus can write one, so it only names a record. The event,
 * its key, its match, its replay and its gate come from that record and from the configuration.
 */
export interface QueueMessage {
  readonly route: string;
  readonly delivery: string;
  /** The id of the published event. */
  readonly event: string;
  /** When the message was put into the queue. */
  readonly queuedAt: EpochMillis;
  /** How often it was received, with this time. */
  readonly receives: number;
}

/** Why a message runs nothing. The relay publishes no event that leads to such a message. */
export const MESSAGE_REFUSALS = {
  not_of_a_route: "the message does not come from a route",
  delivery_unknown: "the delivery's record is gone",
  record_unreadable: "the delivery's record cannot be read",
  event_unknown: "the delivery's record has no such event",
  route_mismatch: "the route does not match the recorded event",
  own_account: "the bridge itself made the event",
} as const;
export type MessageRefusal = keyof typeof MESSAGE_REFUSALS;

export type MessageResult = AttemptResult | { readonly result: "refused"; readonly reason: MessageRefusal };

export interface MessageDeps extends ActDeps {
  readonly ownAccounts: OwnEditDeps["ownAccounts"];
}

const UNKNOWN_ROUTE_RETRY_MS = 60_000;

/** A wait below this time keeps its message: the sweep, which sends that of a longer wait, runs once a minute. */
const SHORT_WAIT_MS = 120_000;

/** Receives up to which short waits keep their message. Each of them brings it nearer to the dead-letter queue. */
export const RECEIVES_FOR_WAITS = 15;

/**
 * Runs a route's action for a recorded event, as often as a queue delivers the message. The action is stored before it
 * runs. Only the message of the delivery that stored it runs it. Throws a retryable Fault if the store does not respond.
 */
export async function actOn(message: QueueMessage, given: Omit<MessageDeps, "messageMs">): Promise<MessageResult> {
  const deps = { ...given, messageMs: message.receives <= RECEIVES_FOR_WAITS ? SHORT_WAIT_MS : 0 };
  const found = await recordedEvent(message, deps);
  if (typeof found === "string") return { result: "refused", reason: found };
  const { delivery, busEvent } = found;
  if (!isMeantFor(message.route, busEvent.detail)) return { result: "finished" };
  const route = deps.routes.find(({ name }) => name === message.route);
  if (route === undefined) return withoutRoute(message, busEvent, deps);
  const admission = await deps.targetGate.admit(route.target);
  const begun = await begunAction(route, busEvent, deps);
  if (begun !== undefined) return begun.isExpecting ? act(begun.id, deps, admission) : { result: "finished" };
  const reason = await refuse(route, busEvent, delivery, deps);
  if (reason !== undefined && !(await isScheduled(route, busEvent, deps))) return { result: "refused", reason };
  const { id, isOwn } = await schedule(route, busEvent.detail, deps);
  return isOwn ? act(id, deps, admission) : { result: "finished" };
}

/**
 * The action of an event whose request the target has accepted, whether or not its run was reported: the message comes
 * again when the next step is due. One read, instead of the writes that store an action.
 */
async function begunAction(
  { name, runsReportedBy }: Route,
  { detail: { eventKey, delivery } }: BusEvent,
  { actions }: MessageDeps,
): Promise<{ readonly id: string; readonly isExpecting: boolean } | undefined> {
  if (runsReportedBy === undefined) return undefined;
  const id = actionIdOf(name, eventKey);
  const status = await actions.status(id);
  if (status?.run === undefined || status.delivery !== delivery) return undefined;
  return { id, isExpecting: status.state === "expecting_run" };
}

interface Recorded {
  readonly delivery: RecordedDelivery;
  readonly busEvent: BusEvent;
}

async function recordedEvent(message: QueueMessage, { deliveries }: MessageDeps): Promise<Recorded | MessageRefusal> {
  const delivery = await deliveries.get(message.delivery).catch(orUnreadable);
  if (delivery === "record_unreadable") return delivery;
  if (delivery === undefined) return "delivery_unknown";
  const busEvent = busEventsOf(delivery).find(({ detail }) => detail.id === message.event);
  return busEvent === undefined ? "event_unknown" : { delivery, busEvent };
}

/** Another release or a person may have written the record. */
function orUnreadable(error: unknown): "record_unreadable" {
  if (error instanceof Fault && error.code === "record_unreadable") return error.code;
  throw error;
}

async function refuse(
  route: Route,
  busEvent: BusEvent,
  delivery: RecordedDelivery,
  deps: MessageDeps,
): Promise<MessageRefusal | undefined> {
  if (!route.matches(busEvent)) return "route_mismatch";
  return (await isOwnEdit(busEvent, delivery, deps)) ? "own_account" : undefined;
}

/** An action that waits stays valid if its route's pattern changes meanwhile, as on one machine. */
async function isScheduled(
  { name }: Route,
  { detail: { id, delivery } }: BusEvent,
  { deliveries }: MessageDeps,
): Promise<boolean> {
  const timeline = await deliveries.timeline(delivery);
  return timeline.some((line) => line.kind === "scheduled" && line.route === name && (line.event ?? delivery) === id);
}

/**
 * The route counts as missing only since this process has missed it: a message that was retried for long must not be given
 * up by a bad deployment of a minute. An action that is stored is given up as every other, so that nothing waits for it.
 */
async function withoutRoute(
  { route, queuedAt }: QueueMessage,
  { detail: { eventKey } }: BusEvent,
  deps: MessageDeps,
): Promise<AttemptResult> {
  const now = deps.clock.now();
  const missingMs = Math.min(now - queuedAt, deps.missingMs(route));
  if (missingMs < MISSING_ROUTE_GRACE_MS) return { result: "again", at: laterBy(now, UNKNOWN_ROUTE_RETRY_MS) };
  const id = actionIdOf(route, eventKey);
  if ((await deps.actions.status(id)) === undefined) return { result: "gave_up", summary: ROUTE_REMOVED.summary };
  return act(id, { ...deps, missingMs: () => missingMs });
}
