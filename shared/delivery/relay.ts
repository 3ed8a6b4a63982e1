import type { Bus, PublishResult } from "../bus/bus.ts";
import { laterBy } from "../host/clock.ts";
import { Fault, type FaultCode, kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { traceIdOf } from "../host/trace.ts";
import { type BusEvent, busEventsOf } from "../model/bus-event.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { DeliveryStore, Outbox } from "../store/deliveries.ts";
import { isOwnEdit, type OwnEditDeps } from "./own-edits.ts";
import type { Paused } from "./paused.ts";

const BUS_UNAVAILABLE: FaultCode = "bus_unavailable";

interface PublishDeps extends OwnEditDeps {
  readonly bus: Bus;
  readonly log: Log;
}

export interface RelayDeps extends PublishDeps {
  readonly deliveries: Pick<DeliveryStore, "get" | "addToTimeline" | "addToList">;
  readonly outbox: Outbox;
}

/** Deliveries that one sweep relays. */
export const SWEEP_SIZE = 100;
/** Time until a delivery that the bus did not accept is retried. */
const RETRY_MS = 5_000;
/** Time until a record that cannot be read is retried: only another release may be able to read it. */
const UNREADABLE_MS = 3_600_000;

/**
 * Publishes the events of a recorded delivery, adds it to the list, and then removes it from the outbox. A crash before that
 * repeats both, which is harmless; nothing is lost. A delivery that cannot be published stays in the outbox. Never throws.
 */
export async function relay(delivery: RecordedDelivery, deps: RelayDeps): Promise<void> {
  try {
    await publishAndMark(delivery, deps);
  } catch (error) {
    deps.log.error(
      { delivery: delivery.id, error: kindOf(error) },
      "a delivery could not be relayed; the sweep tries again",
    );
  }
}

async function publishAndMark(delivery: RecordedDelivery, deps: RelayDeps): Promise<void> {
  const { deliveries, outbox, clock } = deps;
  const [{ rejected }] = await Promise.all([publishAll([delivery], deps), deliveries.addToList([delivery])]);
  if (rejected.length === 0) return outbox.markRelayed(delivery.id, clock.now());
  const now = clock.now();
  await outbox.defer(delivery.id, now, laterBy(now, RETRY_MS));
}

/**
 * Publishes the deliveries of a stream and adds them to the list. A delivery that the bus does not accept is marked for the
 * sweep, so that the stream goes on, and so is each one if the list cannot be written. Returns the ids of those that stay in
 * the stream: they could not be marked either, or the bus takes nothing at all. The stream then keeps them without a write
 * for each, and its age raises an alarm. Never throws.
 */
export async function relayAll(
  deliveries: readonly RecordedDelivery[],
  deps: PublishDeps & {
    readonly deliveries: Pick<DeliveryStore, "addToTimeline" | "addToList">;
    readonly outbox: Pick<Outbox, "mark">;
  },
): Promise<readonly string[]> {
  const [{ rejected, isBusDown }, isListed] = await Promise.all([
    publishAll(deliveries, deps),
    addToList(deliveries, deps),
  ]);
  const left = isListed ? rejected : deliveries.map(({ id }) => id);
  if (isBusDown) return left;
  const now = deps.clock.now();
  const marks = left.map((id) => deps.outbox.mark(id, now, laterBy(now, RETRY_MS)));
  const marked = await Promise.allSettled(marks);
  return left.filter((_, at) => marked[at]?.status === "rejected");
}

async function addToList(
  listed: readonly RecordedDelivery[],
  { deliveries, log }: { readonly deliveries: Pick<DeliveryStore, "addToList">; readonly log: Log },
): Promise<boolean> {
  try {
    await deliveries.addToList(listed);
    return true;
  } catch (error) {
    log.error({ deliveries: listed.length, error: kindOf(error) }, "deliveries could not be added to the list");
    return false;
  }
}

/**
 * Publishes the events of the deliveries, except the bridge's own edits. Never throws.
 */
async function publishAll(deliveries: readonly RecordedDelivery[], deps: PublishDeps): Promise<Published> {
  const checked = await Promise.all(
    deliveries.flatMap((delivery) =>
      busEventsOf(delivery).map(async (busEvent) => ({
        busEvent,
        own: await isOwnEdit(busEvent, delivery, deps).catch(kindOf),
      })),
    ),
  );
  const busEvents = checked.flatMap(({ busEvent, own }) => (own === false ? [busEvent] : []));
  const { results, isBusDown } = await publish(busEvents, deps.bus);
  const failures = [
    ...checked.flatMap(({ busEvent, own }) => (typeof own === "string" ? [{ busEvent, code: own }] : [])),
    ...busEvents.flatMap((busEvent, at) => {
      const result = results[at] ?? { published: false, code: "no_result" };
      return result.published ? [] : [{ busEvent, code: result.code }];
    }),
  ];
  const now = deps.clock.now();
  // One line for the bus, and not one for each delivery in each try. Alarms read `error` and `unrelayedMs`.
  if (isBusDown) {
    const unrelayedMs = now - Math.min(...deliveries.map(({ receivedAt }) => receivedAt));
    deps.log.error({ deliveries: deliveries.length, error: BUS_UNAVAILABLE, unrelayedMs }, "the bus takes nothing");
  }
  const receivedAt = new Map(deliveries.map((delivery) => [delivery.id, delivery.receivedAt]));
  for (const { busEvent, code } of isBusDown ? [] : failures) {
    const { delivery, traceparent } = busEvent.detail;
    const unrelayedMs = now - (receivedAt.get(delivery) ?? now);
    deps.log.error(
      { delivery, trace: traceparent && traceIdOf(traceparent), code, unrelayedMs },
      "a delivery was not published",
    );
  }
  return { rejected: [...new Set(failures.map(({ busEvent }) => busEvent.detail.delivery))], isBusDown };
}

interface Published {
  /** Ids of the deliveries of which the bus did not accept every event: all their events are published again. */
  readonly rejected: readonly string[];
  /** Whether the bus did not respond at all. */
  readonly isBusDown: boolean;
}

/** If the bus fails as a whole, every event has failed. */
async function publish(
  busEvents: readonly BusEvent[],
  bus: Bus,
): Promise<{ readonly results: readonly PublishResult[]; readonly isBusDown: boolean }> {
  try {
    return { results: busEvents.length === 0 ? [] : await bus.publish(busEvents), isBusDown: false };
  } catch (error) {
    const code = kindOf(error);
    return { results: busEvents.map(() => ({ published: false, code })), isBusDown: code === BUS_UNAVAILABLE };
  }
}

/**
 * Relays what is left in the outbox: after a crash, or if the nudge after the commit failed. Returns the number of
 * deliveries that it took from the outbox. A delivery that cannot be relayed is paused and stops no other. Throws
 * `store_unavailable` at the end if the store failed.
 */
export async function sweep(deps: RelayDeps, paused: Paused): Promise<number> {
  const pending = await deps.outbox.unrelayed(deps.clock.now(), SWEEP_SIZE + paused.size);
  const ids = pending.filter((id) => !paused.has(id)).slice(0, SWEEP_SIZE);
  const results = await Promise.allSettled(ids.map((id) => relayPending(id, deps, paused)));
  for (const result of results) if (result.status === "rejected") throw result.reason;
  return ids.length;
}

async function relayPending(id: string, deps: RelayDeps, paused: Paused): Promise<void> {
  try {
    const delivery = await deps.deliveries.get(id).catch(orUnreadable);
    if (delivery instanceof Fault) await defer(id, delivery, deps);
    else if (delivery === undefined || (delivery.outcome === "event" && delivery.events === undefined))
      throw withoutEvent();
    else await publishAndMark(delivery, deps);
    paused.forget(id);
  } catch (error) {
    const kind = kindOf(error);
    if (kind === "store_unavailable") throw error;
    const fields = { delivery: id, error: kind, pauseMs: paused.add(id) };
    deps.log.error(fields, "a delivery in the outbox could not be relayed; it is skipped until its pause ends");
  }
}

const withoutEvent = (): Fault =>
  new Fault("record_unreadable", "a delivery in the outbox has no event", { retryable: false });

function orUnreadable(error: unknown): Fault {
  if (error instanceof Fault && error.code === "record_unreadable") return error;
  throw error;
}

/** Defers an unreadable record. An alarm counts the log line by its `error`. */
async function defer(id: string, { code }: Fault, { outbox, clock, log }: RelayDeps): Promise<void> {
  log.error({ delivery: id, error: code }, "a recorded event cannot be read and is not published");
  const now = clock.now();
  await outbox.defer(id, now, laterBy(now, UNREADABLE_MS));
}
