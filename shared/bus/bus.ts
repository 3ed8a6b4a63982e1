import type { BusEvent } from "../model/bus-event.ts";

/**
 * Accepts bus events and runs the actions of the matching routes. Publishing is durable: once an event is `published`,
 * its matched actions survive any crash. Publishing an event twice is harmless: actions are idempotent by (route, event
 * key).
 */
export interface Bus {
  /**
   * Returns one result for each event, in order; events fail independently. Throws `bus_unavailable` only if no event
   * was accepted.
   */
  publish(busEvents: readonly BusEvent[]): Promise<readonly PublishResult[]>;
}

export type PublishResult =
  | { readonly published: true }
  /** `code` is the short name of the failure that the bus uses. */
  | { readonly published: false; readonly code: string };
