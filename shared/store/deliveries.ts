import { type EpochMillis, epochMillis, laterBy } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { withoutCredentials } from "../host/url-credentials.ts";
import { isDeliveryId } from "../model/idempotency-keys.ts";
import type { ListedDelivery } from "../model/lookup-terms.ts";
import type { Principal } from "../model/principal.ts";
import type { DeliverySummary, RecordedDelivery, RecordedReplay } from "../model/recorded-delivery.ts";
import type { Rejection } from "../model/rejection.ts";
import type { TimelineEvent } from "../model/timeline.ts";
import { attentionFields } from "./attention.ts";
import type { SlotCounts } from "./counters.ts";
import { packContent, unpackContent } from "./delivery-content.ts";
import type { DeliveryList, DeliveryPage, ListQuery } from "./delivery-list.ts";
import { correctDueTimes, DUE_FIELDS, dueFields } from "./due-times.ts";
import { expiryOf, expiryOfWaiting, number, type Retention, text } from "./fields.ts";
import { TABLE } from "./key-schema.ts";
import { collect } from "./streams.ts";
import { beginningWith, type Item, type Table } from "./table.ts";
import { timelineName } from "./timeline-name.ts";

export interface DeliveryStoreOptions extends Retention {
  /**
   * Whether a recorded delivery has the mark that puts it into the outbox. Required on one machine, because nothing else
   * lists the deliveries that are not relayed yet. In AWS the table's stream does, and the mark costs two index writes a
   * delivery.
   */
  readonly markUnrelayed: boolean;
  /** Called with each delivery that was relayed, or whose timeline has a new line. Undefined: nobody needs to know. */
  readonly changed?: ((id: string) => void) | undefined;
}

/**
 * The record of every accepted delivery: idempotency record, audit record and outbox entry in one. Every method throws
 * `store_unavailable` if the store does not respond; whether the write took effect is then unknown.
 */
export class DeliveryStore {
  readonly #table: Table;
  readonly #options: DeliveryStoreOptions;
  #deliveryList: Promise<DeliveryList> | undefined;

  constructor(table: Table, options: DeliveryStoreOptions) {
    this.#table = table;
    this.#options = options;
  }

  /** Makes one conditional write. Of any number of concurrent calls with one id exactly one returns `recorded`. */
  async record(delivery: RecordedDelivery): Promise<"recorded" | "duplicate"> {
    const created = await this.#table.create({
      ...headOf(delivery),
      expiresAt: expiryOf(delivery.receivedAt, this.#options),
      ...(this.#options.markUnrelayed && {
        queue: RELAY_QUEUE,
        ...dueFields(delivery.receivedAt, laterBy(delivery.receivedAt, NUDGE_GRACE_MS)),
      }),
    });
    return created ? "recorded" : "duplicate";
  }

  async get(id: string): Promise<RecordedDelivery | undefined> {
    // Callers and senders name ids, and the table has records of other kinds.
    if (!isDeliveryId(id)) return undefined;
    const head = await this.#table.get({ pk: id, sk: HEAD });
    return head === undefined ? undefined : deliveryOf(head);
  }

  /**
   * Remembers the delivery with which a request was answered, by an id that its key gives it. Returns the one that was
   * remembered first, if that delivery exists: the request may have been sent twice at once.
   */
  async rememberAnswer(key: string, delivery: string, at: EpochMillis): Promise<string> {
    const item = { pk: key, sk: ANSWER, delivery, expiresAt: expiryOf(at, this.#options) };
    if (await this.#table.create(item)) return delivery;
    const earlier = await this.answerTo(key);
    if (earlier !== undefined && (await this.get(earlier)) !== undefined) return earlier;
    await this.#table.put(item);
    return delivery;
  }

  /** The delivery that was remembered for a request; undefined if none was. It may not be recorded yet. */
  async answerTo(key: string): Promise<string | undefined> {
    const item = await this.#table.get({ pk: key, sk: ANSWER });
    return item && text(item, "delivery");
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
    this.#options.changed?.(id);
  }

  /** Ordered by time. Throws `record_unreadable` if an entry cannot be read. */
  async timeline(id: string): Promise<readonly TimelineEvent[]> {
    const selection = { partition: id, ...beginningWith(TIMELINE) };
    const timelineEvents: TimelineEvent[] = [];
    for await (const item of this.#table.select(selection)) {
      timelineEvents.push(timelineEventOf(item));
    }
    return timelineEvents.sort((a, b) => a.at - b.at);
  }

  /**
   * Resolves when these deliveries are listed. They may be listed already. Now and then it also makes the index of an
   * earlier time, by which look-ups become faster. Throws `store_unavailable`: some of them may then be listed.
   */
  async addToList(deliveries: readonly (ListedDelivery | RecordedDelivery)[]): Promise<void> {
    const list = await this.#list();
    await list.add(deliveries);
    await list.makeIndexes(deliveries);
  }

  /**
   * Newest first. With the mark, a delivery is listed as soon as it is recorded. Otherwise it is listed when it was added to
   * the list.
   */
  async list(query: ListQuery): Promise<DeliveryPage> {
    // Read before the pages: the relay writes a page before it removes the mark.
    const unlisted = this.#options.markUnrelayed ? await this.#marked() : [];
    return (await this.#list()).page(query, unlisted);
  }

  /**
   * The number of deliveries for each source, outcome and slot of five minutes, oldest first, a list for each day. A
   * delivery is counted when it is listed. The count is exact, except that a batch that is relayed again in other parts is
   * counted again.
   */
  async *counts(from: EpochMillis, to: EpochMillis): AsyncGenerator<readonly SlotCounts[]> {
    yield* (await this.#list()).counts(from, to);
  }

  /**
   * How far back a look-up finds every delivery: as long as records are kept, and no further than the first release that
   * wrote what they are looked up by.
   */
  async lookUpsReachTo(now: EpochMillis): Promise<EpochMillis> {
    return (await this.#list()).lookUpsReachTo(now);
  }

  /** Ids of recorded deliveries that have the outbox mark and are due at `now`, oldest first. */
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
    this.#options.changed?.(id);
  }

  /** Adds the mark to a delivery that was recorded without it, due at `at`. No change if it was relayed or deleted. */
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

  /**
   * Records that an action of the delivery was stored for `repeated`, which reported the same event, and lists the delivery
   * again with that. Idempotent.
   */
  async markRepeat(id: string, repeated: string): Promise<void> {
    const marked = await this.#table.change(
      { pk: id, sk: HEAD },
      { condition: { field: TABLE.partitionKey, is: "present" }, set: { outcome: `event ${repeated}` } },
    );
    if (marked !== undefined) await (await this.#list()).add([{ ...readableIn(marked), repeats: repeated }]);
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

  /** It is loaded when it is needed: a function that only records deliveries starts without it. */
  #list(): Promise<DeliveryList> {
    this.#deliveryList ??= import("./delivery-list.ts").then(
      ({ DeliveryList }) => new DeliveryList(this.#table, this.#options),
    );
    return this.#deliveryList;
  }

  async #marked(): Promise<readonly (DeliverySummary | RecordedDelivery)[]> {
    const selection = { index: TABLE.dueIndex.name, partition: RELAY_QUEUE };
    const ids = await collect(this.#table.select(selection), (item) => text(item, TABLE.partitionKey));
    const heads = await Promise.all(ids.map((id) => this.#table.get({ pk: id, sk: HEAD })));
    return heads.flatMap((head) => (head === undefined ? [] : [readableIn(head)]));
  }
}

/** The outbox, for a bridge whose store itself lists the events that are not relayed yet. */
export type Outbox = Pick<DeliveryStore, "unrelayed" | "markRelayed" | "mark" | "defer" | "correctDueTimes">;

const HEAD = "head";
const ANSWER = "answer";
const TIMELINE = "t#";
const RELAY_QUEUE = "relay";
/** Time for the nudge after the commit to relay the delivery, before the outbox lists it as due. */
const NUDGE_GRACE_MS = 2_000;

function headOf(delivery: RecordedDelivery) {
  const { id, receivedAt, principal, refusal, replay, source, outcome, what, subject, relayedAt } = delivery;
  return {
    pk: id,
    sk: HEAD,
    receivedAt,
    source,
    principal: JSON.stringify(principal),
    outcome,
    what,
    subject,
    refusal: refusal && JSON.stringify(refusal),
    replay: replay && JSON.stringify(replay),
    relayedAt,
    ...((outcome === "refused" || outcome === "unusable") &&
      attentionFields({ state: outcome, since: receivedAt }, id)),
    content: packContent(delivery),
  };
}

function summaryOf(item: Item): DeliverySummary {
  // Since the first release the outcome names the repeated delivery, too.
  const [outcome, repeats] = text(item, "outcome").split(" ");
  return {
    id: text(item, TABLE.partitionKey),
    source: text(item, "source"),
    receivedAt: receivedAtIn(item),
    // Written by `headOf` from the same types.
    outcome: outcome as DeliverySummary["outcome"],
    ...(repeats !== undefined && { repeats }),
    principal: JSON.parse(text(item, "principal")) as Principal,
    what: text(item, "what"),
    ...(item["subject"] !== undefined && { subject: text(item, "subject") }),
    ...(item["refusal"] !== undefined && { refusal: JSON.parse(text(item, "refusal")) as Rejection }),
  };
}

/** Earlier releases stored the time in `seen`, before the id. */
const receivedAtIn = (item: Item): EpochMillis =>
  epochMillis(item["receivedAt"] === undefined ? Number(text(item, "seen").slice(0, 13)) : number(item, "receivedAt"));

/** The delivery in an item; what the list shows of it if its content is unreadable. */
function readableIn(item: Item): DeliverySummary | RecordedDelivery {
  try {
    return deliveryOf(item);
  } catch {
    // The relay reports an unreadable record.
    return summaryOf(item);
  }
}

function timelineEventOf(item: Item): TimelineEvent {
  const at = epochMillis(number(item, "at"));
  const entry = text(item, "entry");
  try {
    // Written by `addToTimeline` from the same type.
    return { at, ...JSON.parse(entry) } as TimelineEvent;
  } catch (cause) {
    throw new Fault("record_unreadable", "an entry of a timeline is not JSON", { retryable: false, cause });
  }
}

const isHead = (item: Item): boolean => item[TABLE.sortKey] === HEAD && item["outcome"] !== undefined;

/** What the list shows of a delivery whose content may be unreadable; undefined if the item is no delivery. */
export const summaryIn = (item: Item): DeliverySummary | undefined => (isHead(item) ? summaryOf(item) : undefined);

/**
 * Returns the delivery of an item; undefined for every other item, which is not unpacked. Throws `record_unreadable`, also
 * for an event without its content.
 */
export function deliveryIn(item: Item): RecordedDelivery | undefined {
  if (!isHead(item)) return undefined;
  const delivery = deliveryOf(item);
  if (delivery.outcome !== "event" || delivery.events !== undefined) return delivery;
  throw new Fault("record_unreadable", "a recorded event has no event", { retryable: false });
}

/** The queue that a delivery belongs to; undefined if the item is no delivery. Throws if it is unreadable. */
export function queueOfDelivery(item: Item): { readonly queue: string | undefined } | undefined {
  const delivery = deliveryIn(item);
  if (delivery === undefined) return undefined;
  // Earlier releases put only events into the outbox.
  const isRelayed =
    delivery.relayedAt !== undefined || (delivery.outcome !== "event" && item["receivedAt"] === undefined);
  return { queue: isRelayed ? undefined : RELAY_QUEUE };
}

function deliveryOf(item: Item): RecordedDelivery {
  return {
    ...summaryOf(item),
    // Written by `headOf` from the same type.
    ...(item["replay"] !== undefined && { replay: JSON.parse(text(item, "replay")) as RecordedReplay }),
    ...(item["relayedAt"] !== undefined && { relayedAt: epochMillis(number(item, "relayedAt")) }),
    ...(item[TABLE.dueIndex.partitionKey] !== undefined && { unrelayed: true }),
    ...unpackContent(item),
  };
}
