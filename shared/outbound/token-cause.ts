import { type BusEvent, sourceNameOf } from "../model/bus-event.ts";
import type { Cause } from "./issuer.ts";

/** Who caused an action, as its target is told: the first delivery's principal, and the delivery that is acted on. */
export function tokenCause({ busEvent, origin }: { readonly busEvent: BusEvent; readonly origin: BusEvent }): Cause {
  const { issuer, subject } = origin.detail.principal;
  return { source: sourceNameOf(origin), principal: { issuer, subject }, delivery: busEvent.detail.delivery };
}
