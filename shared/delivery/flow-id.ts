import type { BusEvent } from "../model/bus-event.ts";
import type { FlowEntry, FlowId, FlowOptions } from "../model/flow.ts";
import { fill } from "../routes/fill.ts";
import type { Route } from "../routes/route.ts";
import { withEnvironment } from "../routes/with-environment.ts";

/** The part of a route that says which flow an event is in. */
export type FlowingRoute = Pick<Route, "name" | "flow" | "environments">;

/** Undefined if the event has no value for the key: it would be mixed with others that have none. */
export function flowIdOf(
  { name, environments }: FlowingRoute,
  { key }: Pick<FlowOptions, "key">,
  busEvent: BusEvent,
): FlowId | undefined {
  const text = fill(withEnvironment(busEvent, environments), key);
  return text === "" ? undefined : { route: name, key: text };
}

/** Several events of one delivery may be in one flow: their ids begin with that of the delivery. */
export const nameOf = ({ delivery, event = delivery }: Pick<FlowEntry, "delivery" | "event">): string => event;
