import { type BusEntry, sourceNameOf } from "../model/bus-event.ts";
import type { Cause } from "./issuer.ts";

/** Who caused an action, as its target is told: the first delivery's principal, and the delivery that is acted on. */
export function causeOf({ entry, origin }: { readonly entry: BusEntry; readonly origin: BusEntry }): Cause {
  const { issuer, subject } = origin.detail.principal;
  return { source: sourceNameOf(origin), principal: { issuer, subject }, delivery: entry.detail.delivery };
}
