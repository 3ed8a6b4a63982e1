import type { EpochMillis } from "../host/clock.ts";
import type { DeliverySummary, RecordedDelivery } from "../model/recorded-delivery.ts";
import type { TimelineEvent } from "../model/timeline.ts";

export interface ListQuery {
  /** Newest first, from here back; exclusive. */
  readonly before: DeliveryPosition;
  readonly notBefore: EpochMillis;
  /** Deliveries that match, at most. */
  readonly limit: number;
  /** Deliveries looked at, at most: bounds the cost of a filter that few match. */
  readonly scanLimit: number;
  readonly matches: (summary: DeliverySummary) => boolean;
}

/** A place in the order of all deliveries: by time, then by id. */
export type DeliveryPosition = Pick<DeliverySummary, "receivedAt" | "id">;

export interface DeliveryPage {
  readonly deliveries: readonly DeliverySummary[];
  /** Where the next page starts; absent when nothing older is in the window. */
  readonly next?: DeliveryPosition;
}

/**
 * The record of every accepted delivery: idempotency record, audit record and outbox entry at once. Every method throws
 * `store_unavailable` when the store cannot answer; nothing is then known to have happened.
 */
export interface DeliveryStore {
  /** One conditional write. Of any number of concurrent calls with one id exactly one is `recorded`. */
  record(delivery: RecordedDelivery): Promise<"recorded" | "duplicate">;
  get(id: string): Promise<RecordedDelivery | undefined>;
  /** Adds one entry. The same entry (kind, route, attempt) written again replaces the first. */
  addToTimeline(id: string, timelineEvent: TimelineEvent): Promise<void>;
  /** In order of time. */
  timeline(id: string): Promise<readonly TimelineEvent[]>;
  /** Newest first; eventually consistent. */
  list(query: ListQuery): Promise<DeliveryPage>;
}

/** The outbox half, where the store itself says what is still to be relayed. */
export interface Outbox {
  /** Ids of recorded events that still carry the mark and are due at `now`, oldest first. */
  unrelayed(now: EpochMillis, limit: number): Promise<readonly string[]>;
  /** Takes the mark off and notes the time. Harmless when repeated. */
  markRelayed(id: string, at: EpochMillis): Promise<void>;
  /** Puts the mark on an event recorded without it, due at `at`; on one that was relayed or is gone, nothing. */
  mark(id: string, at: EpochMillis): Promise<void>;
  /** Leaves the mark on and looks again at `at`. */
  defer(id: string, at: EpochMillis): Promise<void>;
}
