import type { BusEvent } from "../model/bus-event.ts";

/** The event as a route passes it on: without a promotion it deploys to the first of the route's environments. */
export function withEnvironment(busEvent: BusEvent, environments: readonly string[] | undefined): BusEvent {
  const [to] = environments ?? [];
  const { detail } = busEvent;
  return to === undefined || detail.promotion ? busEvent : { ...busEvent, detail: { ...detail, promotion: { to } } };
}
