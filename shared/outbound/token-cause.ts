import { type BusEvent, sourceNameOf } from "../model/bus-event.ts";
import type { Cause } from "./issuer.ts";

/**
 * Returns the cause of an action for its target: the principal of the origin, and the delivery that the action is for.
 */
export function tokenCause({ busEvent, origin }: { readonly busEvent: BusEvent; readonly origin: BusEvent }): Cause {
  const { issuer, subject } = origin.detail.principal;
  return { source: sourceNameOf(origin), principal: { issuer, subject }, delivery: busEvent.detail.delivery };
}
