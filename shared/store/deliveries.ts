import { type EpochMillis, epochMillis, laterBy, toIso } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { withoutCredentials } from "../host/url-credentials.ts";
import type { Principal } from "../model/principal.ts";
import type { DeliverySummary, RecordedDelivery, Replay } from "../model/recorded-delivery.ts";
import type { Rejection } from "../model/rejection.ts";
import type { TimelineEvent } from "../model/timeline.ts";
import { packContent, unpackContent } from "./delivery-content.ts";
import { correctDueTimes, DUE_FIELDS, dueFields } from "./due-times.ts";
import { expiryOf, expiryOfWaiting, number, padTime, type Retention, text } from "./fields.ts";
import { DAY_SHARDS, TABLE } from "./key-schema.ts";
import { collect, mergeNewestFirst } from "./streams.ts";
import { beginningWith, type Item, type Table } from "./table.ts";
import { timelineName } from "./timeline-name.ts";

export interface DeliveryStoreOptions extends Retention {
  /**
   * Whether a recorded event has the mark that puts it into the outbox. Required on one machine, because nothing else
   * lists the events that are not relayed yet. In AWS the table's stream does, and the mark costs two index writes a
   * delivery.
   */
  readonly markUnrelayed: boolean;
}

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
export class DeliveryStore {
  readonly #table: Table;
  readonly #options: DeliveryStoreOptions;

  constructor(table: Table, options: DeliveryStoreOptions) {
    this.#table = table;
    this.#options = options;
  }

  /** Makes one conditional write. Of any number of concurrent calls with one id exactly one returns `recorded`. */
  async record(delivery: RecordedDelivery): Promise<"recorded" | "duplicate"> {
    const mark = this.#options.markUnrelayed && delivery.outcome === "event";
    const created = await this.#table.create({
      ...headOf(delivery),
      expiresAt: expiryOf(delivery.receivedAt, this.#options),
      ...(mark && {
        queue: RELAY_QUEUE,
        ...dueFields(delivery.receivedAt, laterBy(delivery.receivedAt, NUDGE_GRACE_MS)),
      }),
    });
    return created ? "recorded" : "duplicate";
  }

  async get(id: string): Promise<RecordedDelivery | undefined> {
    const head = await this.#table.get({ pk: id, sk: HEAD });
    return head === undefined ? undefined : deliveryOf(head);
  }

  /** Adds one timeline event. The same event (kind, route, attempt) written again replaces the first. */
  async addToTimeline(id: string, timelineEvent: TimelineEvent): Promise<void> {
    const { at, ...rest } = timelineEvent;
    await this.#table.put({
      pk: id,
      sk: `${TIMELINE}${timelineName(timelineEvent)}`,
      at,
      entry: JSON.stringify(withoutCredentials(rest)),
      expiresAt: expiryOf(at, this.#options),
    });
  }

  /** Ordered by time. */
  async timeline(id: string): Promise<readonly TimelineEvent[]> {
    const selection = { partition: id, ...beginningWith(TIMELINE) };
    const timelineEvents: TimelineEvent[] = [];
    for await (const item of this.#table.select(selection)) {
      // Written by `addToTimeline` from the same type.
      timelineEvents.push({ at: epochMillis(number(item, "at")), ...JSON.parse(text(item, "entry")) } as TimelineEvent);
    }
    return timelineEvents.sort((a, b) => a.at - b.at);
  }

  /** Newest first; eventually consistent. */
  async list(query: ListQuery): Promise<DeliveryPage> {
    const deliveries: DeliverySummary[] = [];
    let scanned = 0;
    for await (const item of this.#newestFirst(query)) {
      const summary = summaryOf(item);
      scanned += 1;
      if (query.matches(summary)) deliveries.push(summary);
      if (deliveries.length === query.limit || scanned === query.scanLimit) {
        return { deliveries, next: { receivedAt: summary.receivedAt, id: summary.id } };
      }
    }
    return { deliveries };
  }

  /** Ids of recorded events that have the outbox mark and are due at `now`, oldest first. */
  async unrelayed(now: EpochMillis, limit: number): Promise<readonly string[]> {
    const selection = { index: TABLE.dueIndex.name, partition: RELAY_QUEUE, to: now, limit };
    return collect(this.#table.select(selection), (item) => text(item, TABLE.partitionKey));
  }

  /** Removes the mark and records the time. Idempotent. */
  async markRelayed(id: string, at: EpochMillis): Promise<void> {
    await this.#table.change(
      { pk: id, sk: HEAD },
      {
        condition: { field: TABLE.dueIndex.partitionKey, is: "present" },
        set: { relayedAt: at },
        remove: DUE_FIELDS,
      },
    );
  }

  /** Adds the mark to an event that was recorded without it, due at `at`. No change if it was relayed or deleted. */
  async mark(id: string, now: EpochMillis, at: EpochMillis): Promise<void> {
    await this.#table.change(
      { pk: id, sk: HEAD },
      {
        condition: {
          all: [
            { field: TABLE.partitionKey, is: "present" },
            { field: "relayedAt", is: "absent" },
          ],
        },
        set: { queue: RELAY_QUEUE, ...dueFields(now, at), expiresAt: expiryOf(at, this.#options) },
      },
    );
  }

  /** Records that an action of the delivery was stored for `repeated`, which reported the same event. Idempotent. */
  async markRepeat(id: string, repeated: string): Promise<void> {
    await this.#table.change(
      { pk: id, sk: HEAD },
      { condition: { field: TABLE.partitionKey, is: "present" }, set: { outcome: `event ${repeated}` } },
    );
  }

  /**
   * Keeps the delivery for an action that was stored at `scheduledAt` and waits until `at`. It writes only if less than two
   * days of the delivery's time would be left then.
   */
  async keep(id: string, scheduledAt: EpochMillis, at: EpochMillis): Promise<void> {
    const { expiresAt } = expiryOfWaiting(scheduledAt, at, this.#options);
    if (expiresAt === undefined) return;
    await this.#table.change(
      { pk: id, sk: HEAD },
      { condition: { field: TABLE.timeToLive, is: "<", value: expiresAt }, set: { expiresAt } },
    );
  }

  /** Keeps the mark, makes the event due at `at`, and keeps the delivery from then on for the whole retention. */
  async defer(id: string, now: EpochMillis, at: EpochMillis): Promise<void> {
    await this.#table.change(
      { pk: id, sk: HEAD },
      {
        condition: { field: TABLE.dueIndex.partitionKey, is: "present" },
        set: { ...dueFields(now, at), expiresAt: expiryOf(at, this.#options) },
      },
    );
  }

  /** Makes events in the outbox due at `now` if their due time was set by a clock that was ahead. */
  correctDueTimes(now: EpochMillis): Promise<void> {
    return correctDueTimes(this.#table, RELAY_QUEUE, now);
  }

  /** Reads day by day from the newest; the shards of a day are read concurrently and merged. */
  async *#newestFirst({ before, notBefore }: ListQuery): AsyncGenerator<Item> {
    const newest = startOfDay(before.receivedAt);
    // No record is kept for longer, so no window reads more days than this.
    const oldest = Math.max(startOfDay(notBefore), newest - (this.#options.retentionDays + 1) * DAY_MS);
    for (let day = newest; day >= oldest; day -= DAY_MS) {
      const shards = Array.from({ length: DAY_SHARDS }, (_, shard) =>
        this.#table.select({
          index: TABLE.dayIndex.name,
          partition: dayName(day, shard),
          from: padTime(notBefore),
          to: seenOf(before),
          newestFirst: true,
        }),
      );
      for await (const item of mergeNewestFirst(shards, (item) => text(item, TABLE.dayIndex.sortKey))) {
        if (text(item, TABLE.dayIndex.sortKey) !== seenOf(before)) yield item;
      }
    }
  }
}

/** The outbox, for a bridge whose store itself lists the events that are not relayed yet. */
export type Outbox = Pick<DeliveryStore, "unrelayed" | "markRelayed" | "mark" | "defer" | "correctDueTimes">;

const HEAD = "head";
const TIMELINE = "t#";
const RELAY_QUEUE = "relay";
/** Time for the nudge after the commit to relay the delivery, before the outbox lists it as due. */
const NUDGE_GRACE_MS = 2_000;
const DAY_MS = 86_400_000;

const startOfDay = (time: EpochMillis): number => Math.floor(time / DAY_MS) * DAY_MS;
const dayName = (day: number, shard: number): string => `${toIso(epochMillis(day)).slice(0, 10)}#${shard}`;
const seenOf = ({ receivedAt, id }: DeliveryPosition): string => `${padTime(receivedAt)}#${id}`;

/** Ids are digests, so their characters are evenly distributed. */
const shardOf = (id: string): number => id.charCodeAt(id.length - 1) % DAY_SHARDS;

function headOf(delivery: RecordedDelivery) {
  const { id, receivedAt, principal, refusal, replay, source, outcome, what, subject, relayedAt } = delivery;
  return {
    pk: id,
    sk: HEAD,
    day: dayName(startOfDay(receivedAt), shardOf(id)),
    seen: seenOf(delivery),
    source,
    principal: JSON.stringify(principal),
    outcome,
    what,
    subject,
    refusal: refusal && JSON.stringify(refusal),
    replay: replay && JSON.stringify(replay),
    relayedAt,
    content: packContent(delivery),
  };
}

function summaryOf(item: Item): DeliverySummary {
  // The index of the list has no other field for the repeated delivery, and fields of an index cannot be added later.
  const [outcome, repeats] = text(item, "outcome").split(" ");
  return {
    id: text(item, TABLE.partitionKey),
    source: text(item, "source"),
    receivedAt: epochMillis(Number(text(item, TABLE.dayIndex.sortKey).slice(0, 13))),
    // Written by `headOf` from the same types.
    outcome: outcome as DeliverySummary["outcome"],
    ...(repeats !== undefined && { repeats }),
    principal: JSON.parse(text(item, "principal")) as Principal,
    what: text(item, "what"),
    ...(item["subject"] !== undefined && { subject: text(item, "subject") }),
    ...(item["refusal"] !== undefined && { refusal: JSON.parse(text(item, "refusal")) as Rejection }),
  };
}

/**
 * Returns the delivery of an item that holds a recorded event; undefined for every other item, which is not unpacked.
 * Throws `record_unreadable`.
 */
export function recordedEventIn(item: Item): RecordedDelivery | undefined {
  if (item[TABLE.sortKey] !== HEAD || !/^event( |$)/.test(String(item["outcome"]))) return undefined;
  const delivery = deliveryOf(item);
  if (delivery.events !== undefined) return delivery;
  throw new Fault("record_unreadable", "a recorded event has no event", { retryable: false });
}

/** The queue that a delivery belongs to; undefined if the item is no head of a delivery. Throws if it is unreadable. */
export function queueOfDelivery(item: Item): { readonly queue: string | undefined } | undefined {
  if (item["outcome"] === undefined) return undefined;
  const { outcome, relayedAt } = recordedEventIn(item) ?? deliveryOf(item);
  return { queue: outcome === "event" && relayedAt === undefined ? RELAY_QUEUE : undefined };
}

function deliveryOf(item: Item): RecordedDelivery {
  return {
    ...summaryOf(item),
    // Written by `headOf` from the same type.
    ...(item["replay"] !== undefined && { replay: JSON.parse(text(item, "replay")) as Replay }),
    ...(item["relayedAt"] !== undefined && { relayedAt: epochMillis(number(item, "relayedAt")) }),
    ...(item[TABLE.dueIndex.partitionKey] !== undefined && { unrelayed: true }),
    ...unpackContent(item),
  };
}
