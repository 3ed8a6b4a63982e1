import type { Bus, PublishResult } from "../bus/bus.ts";
import { type BusEntry, entryOf } from "../bus/entry.ts";
import { type Clock, laterBy } from "../host/clock.ts";
import { Fault, kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { traceIdOf } from "../host/trace.ts";
import type { DeliveryStore, Outbox, RecordedDelivery } from "../store/deliveries.ts";

export interface RelayTools {
  readonly bus: Bus;
  readonly deliveries: Pick<DeliveryStore, "get">;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly log: Log;
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
export async function relay(delivery: RecordedDelivery, tools: RelayTools): Promise<void> {
  const entry = entryOf(delivery);
  if (entry === undefined) return;
  const [code] = await refusals([entry], tools);
  try {
    if (code === undefined) return await tools.outbox.markRelayed(delivery.id, tools.clock.now());
    await tools.outbox.postpone(delivery.id, laterBy(tools.clock.now(), RETRY_MS));
  } catch (error) {
    tools.log.error(
      { delivery: delivery.id, error: kindOf(error) },
      "a delivery could not be relayed; the sweep tries again",
    );
  }
}

/**
 * Publishes what a stream tells was recorded. What the bus does not take gets the mark that the sweep looks for, so that
 * the stream goes on. Gives the ids of those that could not even be marked; nothing is thrown.
 */
export async function relayAll(
  deliveries: readonly RecordedDelivery[],
  tools: Pick<RelayTools, "bus" | "clock" | "log"> & { readonly outbox: Pick<Outbox, "mark"> },
): Promise<readonly string[]> {
  const entries = deliveries.flatMap((delivery) => entryOf(delivery) ?? []);
  const codes = await refusals(entries, tools);
  const refused = entries.filter((_, at) => codes[at] !== undefined).map(({ detail }) => detail.delivery);
  const marks = refused.map((id) => tools.outbox.mark(id, laterBy(tools.clock.now(), RETRY_MS)));
  const marked = await Promise.allSettled(marks);
  return refused.filter((_, at) => marked[at]?.status === "rejected");
}

/** For each entry, in order, the bus's code for not taking it; nothing where it took it. */
async function refusals(
  entries: readonly BusEntry[],
  { bus, log }: Pick<RelayTools, "bus" | "log">,
): Promise<readonly (string | undefined)[]> {
  const results = await publish(entries, bus);
  return entries.map(({ detail: { delivery, traceparent } }, at) => {
    const result = results[at] ?? { published: false, code: "no_result" };
    if (result.published) return undefined;
    log.error(
      { delivery, trace: traceparent && traceIdOf(traceparent), code: result.code },
      "the bus did not take a delivery",
    );
    return result.code;
  });
}

/** A bus that fails as a whole refused every entry. */
async function publish(entries: readonly BusEntry[], bus: Bus): Promise<readonly PublishResult[]> {
  try {
    return entries.length === 0 ? [] : await bus.publish(entries);
  } catch (error) {
    return entries.map(() => ({ published: false, code: kindOf(error) }));
  }
}

/**
 * Relays what the outbox still holds: after a crash, or when the nudge after the commit came to nothing. Gives the number
 * taken up. One delivery's failure leaves it for a later sweep and stops no other.
 */
export async function sweep(tools: RelayTools): Promise<number> {
  const ids = await tools.outbox.unrelayed(tools.clock.now(), SWEEP_SIZE);
  await Promise.all(ids.map((id) => relayPending(id, tools)));
  return ids.length;
}

async function relayPending(id: string, tools: RelayTools): Promise<void> {
  try {
    const delivery = await tools.deliveries.get(id).catch(orUnreadable);
    if (delivery instanceof Fault) return await putOff(id, delivery, tools);
    if (delivery !== undefined) await relay(delivery, tools);
  } catch (error) {
    tools.log.error({ delivery: id, error: kindOf(error) }, "a delivery in the outbox could not be read");
  }
}

function orUnreadable(error: unknown): Fault {
  if (error instanceof Fault && error.code === "record_unreadable") return error;
  throw error;
}

/** An alarm counts the line, by its `error`. */
async function putOff(id: string, { code }: Fault, { outbox, clock, log }: RelayTools): Promise<void> {
  log.error({ delivery: id, error: code }, "a recorded event cannot be read and is not published");
  await outbox.postpone(id, laterBy(clock.now(), UNREADABLE_MS));
}
