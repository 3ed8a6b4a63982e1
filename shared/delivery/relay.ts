import type { Bus, PublishResult } from "../bus/bus.ts";
import { laterBy } from "../host/clock.ts";
import { Fault, kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { traceIdOf } from "../host/trace.ts";
import { type BusEvent, busEventOf } from "../model/bus-event.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { DeliveryStore, Outbox } from "../store/deliveries.ts";
import { isOwnEdit, type OwnEditDeps } from "./own-edits.ts";

interface PublishDeps extends OwnEditDeps {
  readonly bus: Bus;
  readonly log: Log;
}

export interface RelayDeps extends PublishDeps {
  readonly deliveries: Pick<DeliveryStore, "get" | "addToTimeline">;
  readonly outbox: Outbox;
}

/** Deliveries that one sweep takes up. */
export const SWEEP_SIZE = 100;
/** Time until an entry that the bus did not take is tried again. */
const RETRY_MS = 5_000;
/** Time until a record that cannot be read is tried again: only another release will read it. */
const UNREADABLE_MS = 3_600_000;

/**
 * Publishes a recorded delivery and takes it out of the outbox, in this order: a crash between the two publishes it again,
 * which is harmless, and never not at all. What cannot be published stays in the outbox; nothing is thrown.
 */
export async function relay(delivery: RecordedDelivery, deps: RelayDeps): Promise<void> {
  if (delivery.event === undefined) return;
  const [rejected] = await publishAll([delivery], deps);
  try {
    if (rejected === undefined) return await deps.outbox.markRelayed(delivery.id, deps.clock.now());
    await deps.outbox.defer(delivery.id, laterBy(deps.clock.now(), RETRY_MS));
  } catch (error) {
    deps.log.error(
      { delivery: delivery.id, error: kindOf(error) },
      "a delivery could not be relayed; the sweep tries again",
    );
  }
}

/**
 * Publishes the deliveries that a stream reports as recorded. What the bus does not take gets the mark that the sweep looks
 * for, so that the stream goes on. Gives the ids of those that could not even be marked; nothing is thrown.
 */
export async function relayAll(
  deliveries: readonly RecordedDelivery[],
  deps: PublishDeps & { readonly outbox: Pick<Outbox, "mark"> },
): Promise<readonly string[]> {
  const rejected = await publishAll(deliveries, deps);
  const marks = rejected.map((id) => deps.outbox.mark(id, laterBy(deps.clock.now(), RETRY_MS)));
  const marked = await Promise.allSettled(marks);
  return rejected.filter((_, at) => marked[at]?.status === "rejected");
}

/**
 * Publishes every event among the deliveries, except the bridge's own edits. Gives the ids of those that were not taken;
 * nothing is thrown.
 */
async function publishAll(deliveries: readonly RecordedDelivery[], deps: PublishDeps): Promise<readonly string[]> {
  const checked = await Promise.all(
    deliveries.map(async (delivery) => ({
      busEvent: busEventOf(delivery),
      own: await isOwnEdit(delivery, deps).catch(kindOf),
    })),
  );
  const busEvents = checked.flatMap(({ busEvent, own }) => (busEvent && own === false ? [busEvent] : []));
  const results = await publish(busEvents, deps.bus);
  const failures = [
    ...checked.flatMap(({ busEvent, own }) => (busEvent && typeof own === "string" ? [{ busEvent, code: own }] : [])),
    ...busEvents.flatMap((busEvent, at) => {
      const result = results[at] ?? { published: false, code: "no_result" };
      return result.published ? [] : [{ busEvent, code: result.code }];
    }),
  ];
  for (const { busEvent, code } of failures) {
    const { delivery, traceparent } = busEvent.detail;
    deps.log.error({ delivery, trace: traceparent && traceIdOf(traceparent), code }, "a delivery was not published");
  }
  return failures.map(({ busEvent }) => busEvent.detail.delivery);
}

/** A bus that fails as a whole refused every busEvent. */
async function publish(busEvents: readonly BusEvent[], bus: Bus): Promise<readonly PublishResult[]> {
  try {
    return busEvents.length === 0 ? [] : await bus.publish(busEvents);
  } catch (error) {
    return busEvents.map(() => ({ published: false, code: kindOf(error) }));
  }
}

/**
 * Relays what the outbox still holds: after a crash, or when the nudge after the commit came to nothing. Gives the number
 * taken up. One delivery's failure leaves it for a later sweep and stops no other.
 */
export async function sweep(deps: RelayDeps): Promise<number> {
  const ids = await deps.outbox.unrelayed(deps.clock.now(), SWEEP_SIZE);
  await Promise.all(ids.map((id) => relayPending(id, deps)));
  return ids.length;
}

async function relayPending(id: string, deps: RelayDeps): Promise<void> {
  try {
    const delivery = await deps.deliveries.get(id).catch(orUnreadable);
    if (delivery instanceof Fault) return await defer(id, delivery, deps);
    if (delivery !== undefined) await relay(delivery, deps);
  } catch (error) {
    deps.log.error({ delivery: id, error: kindOf(error) }, "a delivery in the outbox could not be read");
  }
}

function orUnreadable(error: unknown): Fault {
  if (error instanceof Fault && error.code === "record_unreadable") return error;
  throw error;
}

/** An alarm counts the line, by its `error`. */
async function defer(id: string, { code }: Fault, { outbox, clock, log }: RelayDeps): Promise<void> {
  log.error({ delivery: id, error: code }, "a recorded event cannot be read and is not published");
  await outbox.defer(id, laterBy(clock.now(), UNREADABLE_MS));
}
