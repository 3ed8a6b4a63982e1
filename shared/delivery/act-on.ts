import { type BusEntry, isMeantFor } from "../bus/entry.ts";
import type { Route } from "../routes/route.ts";
import type { Replay } from "../store/deliveries.ts";
import { type Acted, type ActTools, act } from "./act.ts";
import { actionIdOf } from "./keys.ts";

/** What a queue's message has to say of an event: everything else is in the delivery's record. */
export type Happening = Pick<BusEntry["detail"], "eventKey" | "delivery"> & {
  readonly replay?: Pick<Replay, "routes"> | undefined;
};

/**
 * Runs a route's action for an event that a queue hands over, as often as it does. The action is stored before it is run,
 * and the message that stored it is the one that sees it through.
 */
export async function actOn(routeName: string, happening: Happening, tools: ActTools): Promise<Acted> {
  if (!isMeantFor(routeName, happening)) return { result: "finished" };
  const route = tools.routes.find(({ name }) => name === routeName);
  if (route === undefined) return { result: "gave_up", summary: `there is no route "${routeName}" here` };
  const id = await schedule(route, happening, tools);
  return id === undefined ? { result: "finished" } : act(id, tools);
}

/** Gives the action's id; nothing when another delivery of the same happening came first, whose action counts for both. */
async function schedule(
  { name: route, action, target }: Route,
  { eventKey, delivery }: Happening,
  { actions, deliveries, clock }: ActTools,
): Promise<string | undefined> {
  const id = actionIdOf(route, eventKey);
  const at = clock.now();
  const answer = await actions.schedule({ id, route, action, target, eventKey, delivery }, at);
  if (answer.scheduled) await deliveries.addToTimeline(delivery, { at, kind: "scheduled", route, action });
  if (answer.delivery === delivery) return id;
  await deliveries.addToTimeline(delivery, { at, kind: "already_scheduled", route, action, by: answer.delivery });
  return undefined;
}
