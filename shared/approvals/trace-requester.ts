import { type CorrelateDeps, correlate } from "../delivery/correlate.ts";
import type { Identity } from "../model/approval.ts";
import type { BusEvent } from "../model/bus-event.ts";
import type { OriginProof } from "../model/event.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";

/** The cause of a run that waits, traced back as far as possible. */
export interface Cause {
  /** The first event of the chain, for example the page edit that caused a build that caused this build. */
  readonly busEvent: BusEvent;
  /** The weakest link of the chain. */
  readonly proof: OriginProof;
  /** Whether every link is proved, and every delivery: shadow mode accepted none. */
  readonly allProved: boolean;
  /** The delivery that requested the run: the last replay in the chain, otherwise the first delivery. */
  readonly requested: RecordedDelivery;
  readonly requester: Identity;
  /** If the run was replayed: everybody who caused or replayed what was replayed. Empty otherwise. */
  readonly authors: readonly Identity[];
}

/**
 * Largest number of runs that are followed back, each the cause of the next. It is more than real pipelines have, and
 * it bounds a chain whose claims form a circle.
 */
const MAX_CAUSES = 10;

/**
 * Follows an event back to its first cause, starting at `origin`, the event that it was traced back to. The requester
 * is the person who asked for the last replay in the chain. Without a replay, it is the person that the first delivery
 * names; a delivery that names nobody is skipped. A claimed origin counts too: the person whom it names cannot approve the
 * run, so a claim can only take a right away.
 */
export async function traceRequester(
  run: {
    readonly busEvent: BusEvent;
    readonly delivery: RecordedDelivery;
    readonly origin?: BusEvent | undefined;
    readonly originProof: OriginProof;
  },
  deps: CorrelateDeps,
): Promise<Cause> {
  let { busEvent, originProof: proof } = run;
  const chain = [run.delivery];
  for (let origin = run.origin; origin !== undefined && chain.length <= MAX_CAUSES; ) {
    const delivery = await deps.deliveries.get(origin.detail.delivery);
    if (delivery === undefined) break;
    chain.unshift(delivery);
    busEvent = origin;
    const further = await correlate(origin, delivery.source, deps);
    origin = further.found ? further.busEvent : undefined;
    if (further.found) proof = weaker(proof, further.proof);
  }
  const [first = run.delivery] = chain;
  const requested = chain.findLast(({ replay }) => replay !== undefined) ?? first;
  const requester = requested.replay ? requested : (chain.find(namesRequester) ?? first);
  const replayed = (await Promise.all(chain.map((delivery) => replayedBy(delivery, deps)))).flat();
  const authors = requested.replay ? authorsOf(requested, [...chain, ...replayed]) : [];
  const allProved = proof === "proved" && [...chain, ...replayed].every(({ refusal }) => refusal === undefined);
  return { busEvent, proof, allProved, requested, requester: identityOf(requester), authors };
}

const weaker = (one: OriginProof, other: OriginProof): OriginProof => {
  if (one === "claimed" || other === "claimed") return "claimed";
  return one === "unprovable" ? one : other;
};

/** Whoever the other deliveries of the chain name, and the deliveries that were replayed. */
const authorsOf = (requested: RecordedDelivery, all: readonly RecordedDelivery[]): readonly Identity[] =>
  all.filter((one) => one !== requested && (one.replay !== undefined || namesRequester(one))).map(identityOf);

/** What a delivery replays, back to the first delivery. */
async function replayedBy({ replay }: RecordedDelivery, deps: CorrelateDeps): Promise<readonly RecordedDelivery[]> {
  const found: RecordedDelivery[] = [];
  for (let of = replay?.of; of !== undefined && found.length < MAX_CAUSES; ) {
    const delivery = await deps.deliveries.get(of);
    if (delivery === undefined) break;
    found.push(delivery);
    of = delivery.replay?.of;
  }
  return found;
}

const namesRequester = ({ events, principal }: RecordedDelivery): boolean =>
  actorOf(events) !== undefined || principal.trustEntry !== undefined;

function identityOf({ principal, replay, events, source }: RecordedDelivery): Identity {
  if (replay) return { ...principal, ...(replay.actor !== undefined && { actor: replay.actor }) };
  const actor = actorOf(events);
  return { ...principal, ...(actor !== undefined && { actor, source }) };
}

const actorOf = (events: RecordedDelivery["events"]): string | undefined =>
  events?.find(({ actor }) => actor !== undefined)?.actor?.id;
