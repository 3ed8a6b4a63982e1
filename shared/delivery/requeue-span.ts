import type { Clock, EpochMillis } from "../host/clock.ts";
import type { Outbox } from "../store/deliveries.ts";

/** A span of time that includes both ends. */
export interface TimeSpan {
  readonly from: EpochMillis;
  readonly to: EpochMillis;
  /** Where the search of an earlier run stopped. */
  readonly after?: string;
}

/** Deliveries that were found in one part of the table. */
interface FoundDeliveries {
  readonly ids: readonly string[];
  /** Where the next part begins; undefined if this is the last one. */
  readonly next: string | undefined;
}

export interface RequeueDeps {
  /**
   * Searches a part of the table for the deliveries that were received in a span of time. No index has them: the list has
   * only those that were relayed.
   */
  readonly find: (span: TimeSpan) => Promise<FoundDeliveries>;
  readonly outbox: Pick<Outbox, "mark">;
  readonly clock: Clock;
  readonly hasTime: () => boolean;
}

/**
 * Marks every delivery received in a span of time, so that the sweep relays it. It is unknown which of them were relayed.
 * Relaying again is harmless, because an action runs once for an event. Returns what is left if the time runs out. Throws
 * if one could not be marked.
 */
export async function requeueSpan(
  span: TimeSpan,
  { find, outbox, clock, hasTime }: RequeueDeps,
): Promise<TimeSpan | undefined> {
  const now = clock.now();
  for (let rest = span; ; ) {
    const { ids, next } = await find(rest);
    await Promise.all(ids.map((id) => outbox.mark(id, now, now)));
    if (next === undefined) return undefined;
    rest = { ...span, after: next };
    if (!hasTime()) return rest;
  }
}
