import { type Clock, type EpochMillis, laterBy } from "../host/clock.ts";
import type { DeliveryStore, ListQuery, Outbox } from "../store/deliveries.ts";

/** Both ends belong to it. */
export interface TimeSpan {
  readonly from: EpochMillis;
  readonly to: EpochMillis;
}

export interface RequeueDeps {
  readonly deliveries: Pick<DeliveryStore, "list">;
  readonly outbox: Pick<Outbox, "mark">;
  readonly clock: Clock;
  readonly hasTime: () => boolean;
}

/** Marks written at once. */
const PAGE = 100;

/**
 * Marks every event received in a span of time, newest first, so that the sweep publishes it. Nobody knows any more which
 * of them were published: once more is harmless, for an action runs once for an event. Gives what was left when there
 * was no more time. Throws when one could not be marked.
 */
export async function requeueSpan(
  { from, to }: TimeSpan,
  { deliveries, outbox, clock, hasTime }: RequeueDeps,
): Promise<TimeSpan | undefined> {
  const span = { notBefore: from, limit: PAGE, scanLimit: PAGE, matches: () => true };
  let before: ListQuery["before"] | undefined = { receivedAt: laterBy(to, 1), id: "" };
  while (before !== undefined) {
    const page = await deliveries.list({ ...span, before });
    const events = page.deliveries.filter(({ outcome }) => outcome === "event");
    await Promise.all(events.map(({ id }) => outbox.mark(id, clock.now())));
    before = page.next;
    if (before !== undefined && !hasTime()) return { from, to: before.receivedAt };
  }
  return undefined;
}
