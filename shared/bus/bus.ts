import type { BusEvent } from "../model/bus-event.ts";

/**
 * Takes published events and runs the matching routes' actions. Publishing is durable: once an entry is `published`, its
 * matched actions survive any crash. Publishing an entry twice is harmless: actions are idempotent by (route, event key).
 */
export interface Bus {
  /**
   * One result for each entry, in order; one entry's failure says nothing of the others. Throws `bus_unavailable` only
   * when no entry was taken.
   */
  publish(busEvents: readonly BusEvent[]): Promise<readonly PublishResult[]>;
}

export type PublishResult =
  | { readonly published: true }
  /** `code` is the bus's own short name for the failure. */
  | { readonly published: false; readonly code: string };
