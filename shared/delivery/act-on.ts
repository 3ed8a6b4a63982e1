import { type Clock, type EpochMillis, laterBy } from "../host/clock.ts";
import { type BusEvent, isMeantFor } from "../model/bus-event.ts";
import type { Replay } from "../model/recorded-delivery.ts";
import { type ActDeps, type AttemptResult, act, ROUTE_REMOVED } from "./act.ts";
import { schedule } from "./schedule.ts";

/** What a queue's message has to say of an event: everything else is in the delivery's record. */
export type QueuedEvent = Pick<BusEvent["detail"], "eventKey" | "delivery"> & {
  readonly replay?: Pick<Replay, "routes"> | undefined;
  /** When the message was put into the queue. */
  readonly queuedAt: EpochMillis;
};

/** For how long a message may be of a route that its function does not know: a deployment changes one after the other. */
const DEPLOYMENT_MS = 900_000;
const LOOK_AGAIN_MS = 60_000;

/**
 * Runs a route's action for an event that a queue hands over, as often as it does. The action is stored before it is run,
 * and the message that stored it is the one that sees it through.
 */
export async function actOn(routeName: string, happening: QueuedEvent, deps: ActDeps): Promise<AttemptResult> {
  if (!isMeantFor(routeName, happening)) return { result: "finished" };
  const route = deps.routes.find(({ name }) => name === routeName);
  if (route === undefined) return withoutRoute(happening, deps);
  const { id, isOwn } = await schedule(route, happening, deps);
  return isOwn ? act(id, deps) : { result: "finished" };
}

function withoutRoute({ queuedAt }: QueuedEvent, { clock }: { readonly clock: Clock }): AttemptResult {
  const now = clock.now();
  return now < laterBy(queuedAt, DEPLOYMENT_MS)
    ? { result: "again", at: laterBy(now, LOOK_AGAIN_MS) }
    : { result: "gave_up", summary: ROUTE_REMOVED.summary };
}
