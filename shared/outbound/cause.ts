import type { BusEntry } from "../bus/entry.ts";
import type { Cause } from "./issuer.ts";

const SOURCES = "/sources/";

/** Who caused an action, as its target is told: the first delivery's principal, and the delivery that is acted on. */
export function causeOf({ entry, origin }: { readonly entry: BusEntry; readonly origin: BusEntry }): Cause {
  const { source, principal } = origin.detail;
  const { issuer, subject } = principal;
  return { source: source.slice(SOURCES.length), principal: { issuer, subject }, delivery: entry.detail.delivery };
}
