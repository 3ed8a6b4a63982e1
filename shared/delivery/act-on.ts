import { type BusEntry, isMeantFor } from "../bus/entry.ts";
import type { Replay } from "../store/deliveries.ts";
import { type Acted, type ActTools, act } from "./act.ts";
import { schedule } from "./schedule.ts";

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
  const { id, isOwn } = await schedule(route, happening, tools);
  return isOwn ? act(id, tools) : { result: "finished" };
}
