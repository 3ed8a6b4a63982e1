import { type Clock, type EpochMillis, laterBy } from "../host/clock.ts";
import type { DeliveryStore, ListQuery, Outbox } from "../store/deliveries.ts";

/** A span of time that includes both ends. */
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

/** Deliveries read and marked at once. */
const PAGE = 100;

/**
 * Marks every event received in a span of time, newest first, so that the sweep publishes it. It is unknown which of
 * them were published. Publishing again is harmless, because an action runs once for an event. Returns the span that is
 * left if the time runs out. Throws if one could not be marked.
 */
export async function requeueSpan(
  { from, to }: TimeSpan,
  { deliveries, outbox, clock, hasTime }: RequeueDeps,
): Promise<TimeSpan | undefined> {
  const now = clock.now();
  const span = { notBefore: from, limit: PAGE, scanLimit: PAGE, matches: () => true };
  let before: ListQuery["before"] | undefined = { receivedAt: laterBy(to, 1), id: "" };
  while (before !== undefined) {
    const page = await deliveries.list({ ...span, before });
    const events = page.deliveries.filter(({ outcome }) => outcome === "event");
    await Promise.all(events.map(({ id }) => outbox.mark(id, now, now)));
    before = page.next;
    if (before !== undefined && !hasTime()) return { from, to: before.receivedAt };
  }
  return undefined;
}
