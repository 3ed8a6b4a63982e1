import type { Bus } from "../bus/bus.ts";
import { entryOf } from "../bus/entry.ts";
import { type Clock, laterBy } from "../host/clock.ts";
import { kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
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

/**
 * Publishes a recorded delivery and takes it out of the outbox, in this order: a crash between the two publishes it again,
 * which is harmless, and never not at all. What cannot be published stays in the outbox; nothing is thrown.
 */
export async function relay(delivery: RecordedDelivery, tools: RelayTools): Promise<void> {
  const entry = entryOf(delivery);
  if (entry === undefined) return;
  try {
    const [result] = await tools.bus.publish([entry]);
    if (result?.published) return await tools.outbox.markRelayed(delivery.id, tools.clock.now());
    tools.log.error({ delivery: delivery.id, code: result?.code ?? "no_result" }, "the bus did not take a delivery");
    await tools.outbox.postpone(delivery.id, laterBy(tools.clock.now(), RETRY_MS));
  } catch (error) {
    tools.log.error(
      { delivery: delivery.id, error: kindOf(error) },
      "a delivery could not be relayed; the sweep tries again",
    );
  }
}

/**
 * Relays what the outbox still holds: after a crash, or when the nudge after the commit came to nothing. Gives the number
 * taken up. One delivery's failure leaves it for the next sweep and stops no other.
 */
export async function sweep(tools: RelayTools): Promise<number> {
  const ids = await tools.outbox.unrelayed(tools.clock.now(), SWEEP_SIZE);
  await Promise.all(
    ids.map(async (id) => {
      const delivery = await tools.deliveries.get(id);
      if (delivery !== undefined) await relay(delivery, tools);
    }),
  );
  return ids.length;
}
