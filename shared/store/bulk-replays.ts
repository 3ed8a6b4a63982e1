import { deflateSync, inflateSync } from "node:zlib";
import { type EpochMillis, epochMillis } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import type { Identity } from "../model/approval.ts";
import type { SeenState } from "../model/delivery-state.ts";
import { sha256Hex } from "../model/idempotency-keys.ts";
import { correctDueTimes, DUE_FIELDS, dueFields, isDue } from "./due-times.ts";
import { expiryOf, number, type Retention, text } from "./fields.ts";
import { TABLE } from "./key-schema.ts";
import { collect } from "./streams.ts";
import type { Condition, Item, ItemKey, Table } from "./table.ts";

/** A route of a delivery that is to run again, in the state in which it was seen. */
export interface PlannedReplay {
  readonly delivery: string;
  readonly route: string;
  readonly state: SeenState;
  /** Undefined for `unmatched`. */
  readonly since?: EpochMillis;
}

/** What became of the replays of a plan. */
export interface BulkCounts {
  readonly accepted: number;
  /** An earlier order had run it. */
  readonly duplicate: number;
  /** Its state had changed, so it was left alone. */
  readonly outdated: number;
  /**
   * The delivery had expired or could not be read, the route matched no more, or whoever ordered it was not allowed to any
   * more.
   */
  readonly refused: number;
}

export const NO_COUNTS: BulkCounts = { accepted: 0, duplicate: 0, outdated: 0, refused: 0 };

/** An order to run many routes of deliveries again. */
export interface BulkReplay {
  readonly id: string;
  readonly orderedAt: EpochMillis;
  readonly by: Identity;
  readonly requestId: string;
  readonly reason: string;
  readonly isForced: boolean;
  /** Replays of one step, and at most this many in a second. */
  readonly rate: number;
  /** The routes of its plan. */
  readonly routes: readonly string[];
  /** The number of planned replays, and how many of them are handled. */
  readonly total: number;
  readonly handled: number;
  readonly counts: BulkCounts;
  readonly state: "running" | "done" | "stopped";
  /** When it was done or stopped. */
  readonly endedAt?: EpochMillis;
  /** Who stopped it. */
  readonly stoppedBy?: Identity;
}

/** A lease on a running order. Another claim ends it. */
export interface BulkClaim extends BulkReplay {
  readonly owner: number;
}

/**
 * Orders to run many routes again. Each is an item with its progress, one with its plan, which never changes, and an entry
 * of the list, by time. A running order is due work: its due time is the end of the lease of the process that works on it.
 * Every method throws `store_unavailable`.
 */
export class BulkReplayStore {
  readonly #table: Table;
  readonly #retention: Retention;

  constructor(table: Table, retention: Retention) {
    this.#table = table;
    this.#retention = retention;
  }

  /** Stores an order and its plan, once. False if the order exists. An order without replays is done. */
  async create(order: BulkReplay, plan: readonly PlannedReplay[]): Promise<boolean> {
    const expiresAt = expiryOf(order.orderedAt, this.#retention);
    if ((await this.get(order.id)) !== undefined) return false;
    const planned = JSON.stringify(plan);
    const planDigest = sha256Hex(planned);
    // The plan first: an order without its plan could not be worked on. Its key is its digest, so two requests at once with
    // different selections cannot replace each other's. The plan that no order names expires.
    await this.#table.put({ ...planKeyOf(order.id, planDigest), content: deflateSync(planned), expiresAt });
    // Before the order, so that none is missing in the list. An entry without its order is left out.
    await this.#table.put({ pk: LIST, sk: `${order.orderedAt} ${order.id}`, expiresAt });
    const { id, by, counts, isForced, routes, stoppedBy: _, ...rest } = order;
    return this.#table.create({
      ...keyOf(id),
      ...rest,
      ...counts,
      by: JSON.stringify(by),
      routes: routes.join(" "),
      isForced: isForced ? 1 : undefined,
      planDigest,
      owner: 0,
      expiresAt,
      ...(order.state === "running" && {
        [TABLE.dueIndex.partitionKey]: QUEUE,
        ...dueFields(order.orderedAt, order.orderedAt),
      }),
    });
  }

  /** Strongly consistent. */
  async get(id: string): Promise<BulkReplay | undefined> {
    const item = await this.#table.get(keyOf(id));
    return item && orderIn(id, item);
  }

  /** The newest orders, the newest first. */
  async list(limit: number): Promise<readonly BulkReplay[]> {
    const newest = this.#table.select({ partition: LIST, newestFirst: true, limit });
    const entries = await collect(newest, (item) => text(item, TABLE.sortKey).split(" "));
    const orders = await Promise.all(
      entries.map(async ([orderedAt, id = ""]) => {
        const order = await this.get(id);
        // Of two requests at once with one key, one made the order.
        return order !== undefined && String(order.orderedAt) === orderedAt ? order : undefined;
      }),
    );
    return orders.filter((order) => order !== undefined);
  }

  /** Throws `record_unreadable` if the plan is gone or is not as it was written. */
  async plan(id: string): Promise<readonly PlannedReplay[]> {
    const { planDigest } = (await this.#table.get(keyOf(id))) ?? {};
    const { content } = (await this.#table.get(planKeyOf(id, String(planDigest)))) ?? {};
    try {
      if (!(content instanceof Uint8Array)) throw new Error("there is no plan");
      // Written by `create` from the same type, and the checksum of the stream is correct.
      return JSON.parse(inflateSync(content).toString("utf8")) as PlannedReplay[];
    } catch (cause) {
      throw new Fault("record_unreadable", "the plan of a bulk replay cannot be read", { retryable: false, cause });
    }
  }

  /** The running orders that nobody works on, the oldest first; eventually consistent. */
  due(now: EpochMillis, limit: number): Promise<readonly string[]> {
    const selection = { index: TABLE.dueIndex.name, partition: QUEUE, to: now, limit };
    return collect(this.#table.select(selection), (item) => text(item, TABLE.partitionKey));
  }

  /** Claims a running order until `leaseUntil`. Undefined if it is not due or not running. */
  async claim(id: string, now: EpochMillis, leaseUntil: EpochMillis): Promise<BulkClaim | undefined> {
    const before = await this.#table.change(keyOf(id), {
      condition: { all: [IS_RUNNING, isDue(now)] },
      add: { owner: 1 },
      set: dueFields(now, leaseUntil),
    });
    return before && { ...orderIn(id, before), owner: number(before, "owner") + 1 };
  }

  /**
   * Stores the progress of a claim, and ends its lease. An order that was stopped meanwhile stays stopped, and gets the
   * progress too. False, and no change, if it has another owner.
   */
  async advance(
    { id, owner, total, ...claimed }: BulkClaim,
    progress: BulkProgress,
    now: EpochMillis,
  ): Promise<boolean> {
    const { handled, counts } = progress;
    const isOwn: Condition = { field: "owner", is: "=", value: owner };
    const isDone = handled >= total;
    const before = await this.#table.change(keyOf(id), {
      condition: { all: [IS_RUNNING, isOwn] },
      set: { handled, ...counts, ...(isDone ? { state: "done", endedAt: now } : dueFields(now, now)) },
      ...(isDone && { remove: DUE_FIELDS }),
    });
    if (before !== undefined) return true;
    const isStopped: Condition = { field: "state", is: "=", value: "stopped" };
    const isBefore: Condition = { field: "handled", is: "=", value: claimed.handled };
    const stopped = { condition: { all: [isStopped, isOwn, isBefore] }, set: { handled, ...counts } };
    return (await this.#table.change(keyOf(id), stopped)) !== undefined;
  }

  /** Ends a running order. Its owner stops after the step under way, and adds its progress. False if it has ended. */
  async stop(id: string, by: Identity, now: EpochMillis): Promise<boolean> {
    const before = await this.#table.change(keyOf(id), {
      condition: IS_RUNNING,
      set: { state: "stopped", endedAt: now, stoppedBy: JSON.stringify(by) },
      remove: DUE_FIELDS,
    });
    return before !== undefined;
  }

  /** Makes orders due at `now` if their due time was set by a clock that was ahead. */
  correctDueTimes(now: EpochMillis): Promise<void> {
    return correctDueTimes(this.#table, QUEUE, now);
  }
}

export type BulkProgress = Pick<BulkReplay, "handled" | "counts">;

/** The partition of the list. */
const LIST = "replays";
const QUEUE = "bulk-replays";
const keyOf = (id: string): ItemKey => ({ pk: id, sk: "order" });
const planKeyOf = (id: string, digest: string): ItemKey => ({ pk: id, sk: `plan ${digest}` });
const IS_RUNNING: Condition = { field: "state", is: "=", value: "running" };

function orderIn(id: string, item: Item): BulkReplay {
  const { isForced, endedAt, stoppedBy } = item;
  const routes = text(item, "routes");
  return {
    id,
    orderedAt: epochMillis(number(item, "orderedAt")),
    // This and `stoppedBy` are written by this class from the same type.
    by: JSON.parse(text(item, "by")) as Identity,
    requestId: text(item, "requestId"),
    reason: text(item, "reason"),
    isForced: isForced === 1,
    rate: number(item, "rate"),
    routes: routes === "" ? [] : routes.split(" "),
    total: number(item, "total"),
    handled: number(item, "handled"),
    counts: {
      accepted: number(item, "accepted"),
      duplicate: number(item, "duplicate"),
      outdated: number(item, "outdated"),
      refused: number(item, "refused"),
    },
    state: text(item, "state") as BulkReplay["state"],
    ...(typeof endedAt === "number" && { endedAt: epochMillis(endedAt) }),
    ...(typeof stoppedBy === "string" && { stoppedBy: JSON.parse(stoppedBy) as Identity }),
  };
}
