import type { EpochMillis } from "../host/clock.ts";
import type { TraceParent } from "../host/trace.ts";
import type { BridgeEvent } from "../model/event.ts";
import type { Principal } from "../model/principal.ts";
import type { Rejection } from "../model/rejection.ts";
import type { TimelineEvent } from "../model/timeline.ts";

/** A delivery as recorded: the head of its audit record. */
export interface RecordedDelivery {
  readonly id: string;
  readonly source: string;
  readonly provider: string;
  readonly principal: Principal;
  readonly receivedAt: EpochMillis;
  /** Id of the request that was recorded; repeats carry others. */
  readonly requestId: string;
  /** Where that request stood in a trace. */
  readonly traceparent?: TraceParent;
  /** SHA-256 of the body's bytes, hex. */
  readonly bodyDigest: string;
  readonly bodyBytes: number;
  /**
   * `refused`: a request that was not let in although its token's signature was good.
   * It is no delivery, and kept beside them.
   */
  readonly outcome: "event" | "ignored" | "unusable" | "refused";
  /** The event's type; for the other outcomes the sender's name for it, the problem, or the reason. */
  readonly what: string;
  readonly subject?: string;
  /** Present when `outcome` is `event`. */
  readonly event?: BridgeEvent;
  /** The raw bytes; absent when they were too large to keep. */
  readonly body?: Uint8Array;
  /** Why it was refused; for any other outcome, why shadow mode would have refused it. */
  readonly refusal?: Rejection;
  /** Present where it is an earlier delivery that somebody has run again. */
  readonly replay?: Replay;
  /** When it was published, where the outbox says so. */
  readonly relayedAt?: EpochMillis;
  /** It is in the outbox: a sweep publishes it. */
  readonly unrelayed?: true;
}

/** What is run again, and for which routes; who did it is the delivery's principal. */
export interface Replay {
  readonly of: string;
  readonly routes: readonly string[];
  /** The person, where the principal is a source that many stand behind. */
  readonly actor?: string;
  readonly isRollback: boolean;
}

/** What a list shows of a delivery. */
export type DeliverySummary = Pick<
  RecordedDelivery,
  "id" | "source" | "receivedAt" | "outcome" | "what" | "subject" | "principal" | "refusal"
>;

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
