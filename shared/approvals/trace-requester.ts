import { type CorrelateDeps, correlate } from "../delivery/correlate.ts";
import type { Identity } from "../model/approval.ts";
import type { BusEvent } from "../model/bus-event.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";

/** What made a run wait, traced back as far as it goes. */
export interface Cause {
  /** What it all came from: the page edit behind a build, and behind the build after that one. */
  readonly busEvent: BusEvent;
  /** The last that somebody had run again, else the first of all. */
  readonly asked: RecordedDelivery;
  readonly requester: Identity;
}

/**
 * Runs that are followed back, one having caused the next: more than pipelines have, and a bound for what claims a
 * circle.
 */
const MAX_CAUSES = 10;

/**
 * Follows an event back to what caused it, from `origin`, which it was traced back to. Whoever has it run again asks for
 * it; else the person that the first delivery tells, or where that tells nobody, the next.
 */
export async function traceRequester(
  run: { readonly busEvent: BusEvent; readonly delivery: RecordedDelivery; readonly origin?: BusEvent | undefined },
  deps: CorrelateDeps,
): Promise<Cause> {
  let { busEvent } = run;
  const chain = [run.delivery];
  for (let origin = run.origin; origin !== undefined && chain.length <= MAX_CAUSES; ) {
    const delivery = await deps.deliveries.get(origin.detail.delivery);
    if (delivery === undefined) break;
    chain.unshift(delivery);
    busEvent = origin;
    const further = await correlate(origin, delivery.source, deps);
    origin = further.found ? further.busEvent : undefined;
  }
  const [first = run.delivery] = chain;
  const asked = chain.findLast(({ replay }) => replay !== undefined) ?? first;
  const requester = asked.replay ? asked : (chain.find(namesRequester) ?? first);
  return { busEvent, asked, requester: identityOf(requester) };
}

const namesRequester = ({ event, principal }: RecordedDelivery): boolean =>
  event?.actor !== undefined || principal.trustEntry !== undefined;

function identityOf({ principal, replay, event }: RecordedDelivery): Identity {
  const actor = replay ? replay.actor : event?.actor?.id;
  return { ...principal, ...(actor !== undefined && { actor }) };
}
