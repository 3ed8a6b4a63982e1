import { type EpochMillis, epochMillis } from "../host/clock.ts";
import { correctDueTimes, DUE_FIELDS, dueFields, isDue } from "./due-times.ts";
import { expiryOf, expiryOfWaiting, number, type Retention, text } from "./fields.ts";
import { TABLE } from "./key-schema.ts";
import { collect } from "./streams.ts";
import type { Condition, Item, Table } from "./table.ts";

/**
 * One action to run, because a route matched an event. Its id is derived from (route, event key), so an event that is
 * reported twice runs it once.
 */
export interface ScheduledAction {
  readonly id: string;
  readonly route: string;
  /** Kind of the action. */
  readonly action: string;
  /** The target of the action: each target has its own queue, so that a slow one delays no other. */
  readonly target: string;
  readonly eventKey: string;
  /** The delivery that reported the event first. */
  readonly delivery: string;
  /** The id of the published event, if it is not the first event of the delivery. */
  readonly event?: string;
  /** When the delivery was received, if the event is undated: distinguishes a repeat from the next occurrence. */
  readonly receivedAt?: EpochMillis;
}

export type ActionState = "due" | "done" | "gave_up";

export type ActionStatus =
  | { readonly state: "due"; readonly dueAt: EpochMillis }
  | { readonly state: Exclude<ActionState, "due"> };

/**
 * A lease on an action: every later write is conditional on `owner`, a number that no other claim of the action has.
 */
export interface Claim extends ScheduledAction {
  readonly owner: number;
  /** Starts at 1; attempts that only waited are not counted. */
  readonly attempt: number;
  /** An earlier attempt only waited. */
  readonly hasWaited: boolean;
  readonly scheduledAt: EpochMillis;
  /** The previous attempt ended without a record: its lease expired. */
  readonly interrupted: boolean;
}

/** The delivery and time with which an action was stored, now or earlier. */
export interface Schedule {
  readonly scheduled: boolean;
  readonly delivery: string;
  readonly at: EpochMillis;
  /** When that delivery was received, if the action was stored with it; else `at`. */
  readonly receivedAt: EpochMillis;
}

/**
 * Durable actions, run at least once and by one owner at a time. An action is due at `dueAt`; claiming it moves `dueAt` to
 * the end of the lease. The action of a crashed owner thereby becomes due again without further work, and one field holds
 * both times. Every method throws `store_unavailable`.
 */
export class ActionStore {
  readonly #table: Table;
  readonly #options: Retention;

  constructor(table: Table, options: Retention) {
    this.#table = table;
    this.#options = options;
  }

  /** Stores the action as due at `at`, once. */
  async schedule(action: ScheduledAction, at: EpochMillis): Promise<Schedule> {
    const { id, ...rest } = action;
    const created = await this.#table.create({
      ...keyOf(id),
      ...rest,
      state: "due" satisfies ActionState,
      attempt: 0,
      scheduledAt: at,
      queue: queueOf(action.target),
      ...dueFields(at, at),
      expiresAt: expiryOf(at, this.#options),
    });
    const { delivery, receivedAt = at } = action;
    if (created) return { scheduled: true, delivery, at, receivedAt };
    const first = await this.#table.get(keyOf(id));
    // Deleted between the two calls: its time to live has expired, so the event is old.
    if (first === undefined) return { scheduled: false, delivery, at, receivedAt };
    return {
      scheduled: false,
      delivery: text(first, "delivery"),
      at: epochMillis(number(first, "scheduledAt")),
      receivedAt: epochMillis(number(first, first["receivedAt"] === undefined ? "scheduledAt" : "receivedAt")),
    };
  }

  /** Ids of a target's actions due at `now`, oldest first, including those with an expired lease. */
  due(target: string, now: EpochMillis, limit: number): Promise<readonly string[]> {
    const selection = { index: TABLE.dueIndex.name, partition: queueOf(target), to: now, limit };
    return collect(this.#table.select(selection), (item) => text(item, TABLE.partitionKey));
  }

  /** The route of each unfinished action of a target. */
  async *unfinishedRoutes(target: string): AsyncGenerator<string> {
    const selection = { index: TABLE.dueIndex.name, partition: queueOf(target) };
    for await (const key of this.#table.select(selection)) {
      const item = await this.#table.get(keyOf(text(key, TABLE.partitionKey)));
      if (item !== undefined) yield text(item, "route");
    }
  }

  /**
   * Leases the action until `leaseUntil`. Undefined if it is not due at `now`, is finished, or has another owner. A due time
   * or a lease that was set by a clock that was ahead has ended.
   */
  async claim(id: string, now: EpochMillis, leaseUntil: EpochMillis): Promise<Claim | undefined> {
    const before = await this.#table.change(keyOf(id), {
      condition: isDue(now),
      add: { attempt: 1 },
      set: { ...dueFields(now, leaseUntil), owned: 1 },
    });
    if (before === undefined) return undefined;
    const owner = number(before, "attempt") + 1;
    const waits = before["waits"] === undefined ? 0 : number(before, "waits");
    return {
      id,
      route: text(before, "route"),
      action: text(before, "action"),
      target: text(before, "target"),
      eventKey: text(before, "eventKey"),
      delivery: text(before, "delivery"),
      ...(before["event"] !== undefined && { event: text(before, "event") }),
      owner,
      attempt: owner - waits,
      hasWaited: waits > 0,
      scheduledAt: epochMillis(number(before, "scheduledAt")),
      interrupted: before["owned"] === 1,
    };
  }

  /** Ends the action. False, and no change, if the claim no longer owns it. */
  async complete(claim: Claim, state: Exclude<ActionState, "due">): Promise<boolean> {
    const before = await this.#table.change(keyOf(claim.id), {
      condition: stillOwnedBy(claim),
      set: { state },
      remove: [...DUE_FIELDS, "owned"],
    });
    return before !== undefined;
  }

  /**
   * Ends the lease at `now` and makes the action due at `at`, and keeps it until then. False, and no change, if the claim no
   * longer owns it.
   */
  async release(claim: Claim, now: EpochMillis, at: EpochMillis): Promise<boolean> {
    const before = await this.#table.change(keyOf(claim.id), {
      condition: stillOwnedBy(claim),
      set: { ...dueFields(now, at), ...expiryOfWaiting(claim.scheduledAt, at, this.#options) },
      remove: ["owned"],
    });
    return before !== undefined;
  }

  /** Like {@link release}, for an attempt that only waited. */
  async defer(claim: Claim, now: EpochMillis, at: EpochMillis): Promise<boolean> {
    const before = await this.#table.change(keyOf(claim.id), {
      condition: stillOwnedBy(claim),
      set: { ...dueFields(now, at), ...expiryOfWaiting(claim.scheduledAt, at, this.#options) },
      add: { waits: 1 },
      remove: ["owned"],
    });
    return before !== undefined;
  }

  /** Makes a waiting action due at `now`. No change if it is owned, finished or deleted. */
  async wake(id: string, now: EpochMillis): Promise<void> {
    await this.#table.change(keyOf(id), {
      condition: {
        all: [
          { field: "dueAt", is: ">", value: now },
          { field: "owned", is: "absent" },
        ],
      },
      set: dueFields(now, now),
    });
  }

  /**
   * Makes a target's leased actions due at `now`. Only for the start of a process that knows that it is the only one:
   * all owners have then ended. An owner that still runs loses only its lease.
   */
  async expireLeases(target: string, now: EpochMillis): Promise<void> {
    const selection = { index: TABLE.dueIndex.name, partition: queueOf(target), from: now + 1 };
    for (const id of await collect(this.#table.select(selection), (item) => text(item, TABLE.partitionKey))) {
      await this.#table.change(keyOf(id), {
        condition: { field: "owned", is: "=", value: 1 },
        set: dueFields(now, now),
      });
    }
  }

  /**
   * Makes a target's actions due at `now` if their due time was set by a clock that was ahead. An owner that still runs
   * keeps its action until another claim.
   */
  correctDueTimes(target: string, now: EpochMillis): Promise<void> {
    return correctDueTimes(this.#table, queueOf(target), now);
  }

  async state(id: string): Promise<ActionState | undefined> {
    return (await this.status(id))?.state;
  }

  /** The state and, while it is due, the due time; during a lease that is the end of the lease. */
  async status(id: string): Promise<ActionStatus | undefined> {
    const item = await this.#table.get(keyOf(id));
    if (item === undefined) return undefined;
    // Written by this class from the same type.
    const state = text(item, "state") as ActionState;
    return state === "due" ? { state, dueAt: epochMillis(number(item, TABLE.dueIndex.sortKey)) } : { state };
  }
}

/** The owner is the number of claims: a later owner has a higher number, and a finished action has no owner. */
const stillOwnedBy = ({ owner }: Claim): Condition => ({
  all: [
    { field: "attempt", is: "=", value: owner },
    { field: "owned", is: "=", value: 1 },
  ],
});

const keyOf = (id: string) => ({ pk: id, sk: "head" });
const QUEUE_PREFIX = "act#";
const queueOf = (target: string): string => `${QUEUE_PREFIX}${target}`;

/** The targets whose actions these queues have. */
export const targetsOf = (queues: readonly string[]): readonly string[] =>
  queues.filter((queue) => queue.startsWith(QUEUE_PREFIX)).map((queue) => queue.slice(QUEUE_PREFIX.length));

/** The queue that an action belongs to; undefined if the item is no action. Throws `record_unreadable`. */
export function queueOfAction(item: Item): { readonly queue: string | undefined } | undefined {
  if (item["eventKey"] === undefined || item["scheduledAt"] === undefined) return undefined;
  for (const name of ["route", "action", "target", "eventKey", "delivery", "state"]) text(item, name);
  for (const name of ["attempt", "scheduledAt"]) number(item, name);
  return { queue: item["state"] === ("due" satisfies ActionState) ? queueOf(text(item, "target")) : undefined };
}
