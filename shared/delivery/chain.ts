import { APPROVALS_SOURCE, type BusEvent, busEventsOf, sourceNameOf } from "../model/bus-event.ts";
import { type CorrelateDeps, correlate } from "./correlate.ts";

interface Traced {
  readonly busEvent: BusEvent;
  /** The event that it was traced back to. */
  readonly origin: BusEvent | undefined;
}

/**
 * Counts the hops of the chain that ends in an event: each is a run that the bridge started, and that reported the next
 * event. Stops at `limit`.
 *
 * The number is in no message, so no sender can lower it. It follows from stored deliveries and actions, by the same
 * rules as an origin. So a restart, a retry and a second report of a run change nothing, and claims that form a circle
 * reach the limit. A replay begins a new chain: a person asked for it. An event whose origin has no origin claim costs no
 * read.
 */
export async function hopsTo({ busEvent, origin }: Traced, limit: number, deps: CorrelateDeps): Promise<number> {
  let hops = 0;
  for (let at: BusEvent | undefined = busEvent; at.detail.replay === undefined && hops < limit; ) {
    const waiting = waitingDelivery(at);
    const earlier: BusEvent | undefined =
      waiting === undefined ? await originOf(at, { busEvent, origin }, deps) : await firstEventOf(waiting, deps);
    if (earlier === undefined) break;
    // No run lies between a push and what the bridge reports of it.
    if (waiting === undefined && !("outdated" in at.detail)) hops += 1;
    at = earlier;
  }
  return hops;
}

/** The delivery whose approval the bridge's own event is about. The event's origin is the first cause of that delivery. */
function waitingDelivery(busEvent: BusEvent): string | undefined {
  const isOwn = sourceNameOf(busEvent) === APPROVALS_SOURCE;
  return isOwn && "approval" in busEvent.detail ? busEvent.detail.approval.gate?.delivery : undefined;
}

async function firstEventOf(id: string, { deliveries }: CorrelateDeps): Promise<BusEvent | undefined> {
  const delivery = await deliveries.get(id);
  return delivery && busEventsOf(delivery)[0];
}

async function originOf(at: BusEvent, known: Traced, deps: CorrelateDeps): Promise<BusEvent | undefined> {
  if (at === known.busEvent) return known.origin;
  const found = await correlate(at, sourceNameOf(at), deps);
  return found.found ? found.busEvent : undefined;
}
