import type { EpochMillis } from "../host/clock.ts";

/** A CloudEvent as it arrived: its attributes are headers. */
export interface ArrivedEvent {
  /** Events of one lane are sent in the order in which they arrived. */
  readonly lane: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly receivedAt: EpochMillis;
}

export interface QueuedEvent extends Omit<ArrivedEvent, "headers"> {
  readonly id: number;
  /** Undefined if the stored headers cannot be read: then the event cannot be sent. */
  readonly headers: ArrivedEvent["headers"] | undefined;
}

export interface QueueSize {
  readonly events: number;
  readonly bytes: number;
  readonly deadLetters: number;
  /** Undefined if no event waits. */
  readonly oldest: EpochMillis | undefined;
}

export interface Skipped {
  readonly lanes: ReadonlySet<string>;
  readonly ids: ReadonlySet<number>;
}

/**
 * Events on their way to the bridge, on the disk of one process. Each method is atomic, and what it wrote is on the disk
 * when it returns. Throws `store_unavailable`, or `store_damaged` if no later call can succeed.
 */
export interface EventQueue {
  /** Adds an event behind all others. False if there is no room: then nothing is stored. */
  add(event: ArrivedEvent): boolean;
  /** Returns the first events of at most `limit` lanes, the oldest first, without skipped lanes and events. */
  first(limit: number, skipped: Skipped): readonly QueuedEvent[];
  /** Returns the first event of a lane without skipped ones. Undefined if it has none. */
  firstOf(lane: string, skippedIds: ReadonlySet<number>): QueuedEvent | undefined;
  /** Removes an event that has arrived at the bridge. */
  remove(id: number): void;
  /** Makes an event a dead letter, so that the next one of its lane is the first. Returns how many old ones had to go. */
  bury(id: number, reason: string): number;
  /** Puts every dead letter back into its place. Returns their number. */
  revive(): number;
  size(): QueueSize;
}
