import type { EpochMillis } from "../host/clock.ts";
import type { DeliverySummary, RecordedDelivery } from "../model/recorded-delivery.ts";
import type { TimelineEvent } from "../model/timeline.ts";

export interface ListQuery {
  /** Where the list starts, exclusive; it continues with older deliveries. */
  readonly before: DeliveryPosition;
  readonly notBefore: EpochMillis;
  /** Maximum number of matching deliveries. */
  readonly limit: number;
  /** Maximum number of deliveries read: bounds the cost of a filter that few deliveries match. */
  readonly scanLimit: number;
  readonly matches: (summary: DeliverySummary) => boolean;
}

/** A position in the order of all deliveries: by time, then by id. */
export type DeliveryPosition = Pick<DeliverySummary, "receivedAt" | "id">;

export interface DeliveryPage {
  readonly deliveries: readonly DeliverySummary[];
  /** Where the next page starts; undefined if the window has no older delivery. */
  readonly next?: DeliveryPosition;
}

/**
 * The record of every accepted delivery: idempotency record, audit record and outbox entry in one. Every method throws
 * `store_unavailable` if the store does not respond; whether the write took effect is then unknown.
 */
export interface DeliveryStore {
  /** Makes one conditional write. Of any number of concurrent calls with one id exactly one returns `recorded`. */
  record(delivery: RecordedDelivery): Promise<"recorded" | "duplicate">;
  get(id: string): Promise<RecordedDelivery | undefined>;
  /** Adds one timeline event. The same event (kind, route, attempt) written again replaces the first. */
  addToTimeline(id: string, timelineEvent: TimelineEvent): Promise<void>;
  /** Ordered by time. */
  timeline(id: string): Promise<readonly TimelineEvent[]>;
  /** Newest first; eventually consistent. */
  list(query: ListQuery): Promise<DeliveryPage>;
}

/** The outbox, for a bridge whose store itself lists the events that are not relayed yet. */
export interface Outbox {
  /** Ids of recorded events that have the outbox mark and are due at `now`, oldest first. */
  unrelayed(now: EpochMillis, limit: number): Promise<readonly string[]>;
  /** Removes the mark and records the time. Idempotent. */
  markRelayed(id: string, at: EpochMillis): Promise<void>;
  /** Adds the mark to an event that was recorded without it, due at `at`. No change if it was relayed or deleted. */
  mark(id: string, at: EpochMillis): Promise<void>;
  /** Keeps the mark and makes the event due at `at`. */
  defer(id: string, at: EpochMillis): Promise<void>;
}
