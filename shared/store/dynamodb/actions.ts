import { type EpochMillis, epochMillis } from "../../host/clock.ts";
import type { ActionState, ActionStatus, ActionStore, Claim, ScheduledAction } from "../actions.ts";
import { expiryOf, number, type Retention, text } from "./fields.ts";
import { TABLE } from "./key-schema.ts";
import { collect } from "./streams.ts";
import type { DynamoDbTable } from "./table.ts";

/**
 * An action is due at `dueAt`; claiming it moves `dueAt` to the end of the lease. The action of a crashed owner thereby
 * becomes due again without further work, and one attribute holds both times.
 */
export class DynamoDbActions implements ActionStore {
  readonly #table: DynamoDbTable;
  readonly #options: Retention;

  constructor(table: DynamoDbTable, options: Retention) {
    this.#table = table;
    this.#options = options;
  }

  async schedule(action: ScheduledAction, at: EpochMillis): ReturnType<ActionStore["schedule"]> {
    const { id, ...rest } = action;
    const created = await this.#table.create({
      ...keyOf(id),
      ...rest,
      state: "due" satisfies ActionState,
      attempt: 0,
      scheduledAt: at,
      queue: queueOf(action.target),
      dueAt: at,
      expiresAt: expiryOf(at, this.#options),
    });
    if (created) return { scheduled: true, delivery: action.delivery, at };
    const first = await this.#table.get(keyOf(id));
    // Deleted between the two calls: its time to live has expired, so the event is old.
    if (first === undefined) return { scheduled: false, delivery: action.delivery, at };
    return { scheduled: false, delivery: text(first, "delivery"), at: epochMillis(number(first, "scheduledAt")) };
  }

  due(target: string, now: EpochMillis, limit: number): Promise<readonly string[]> {
    const selection = {
      index: TABLE.dueIndex.name,
      text: "#queue = :queue AND #dueAt <= :now",
      names: { "#queue": TABLE.dueIndex.partitionKey, "#dueAt": TABLE.dueIndex.sortKey },
      values: { ":queue": queueOf(target), ":now": now },
      limit,
    } as const;
    return collect(this.#table.select(selection), (item) => text(item, TABLE.partitionKey));
  }

  async claim(id: string, now: EpochMillis, leaseUntil: EpochMillis): Promise<Claim | undefined> {
    const before = await this.#table.change(keyOf(id), {
      text: "SET #attempt = #attempt + :one, #dueAt = :leaseUntil, #owned = :one",
      condition: "#dueAt <= :now",
      names: { "#attempt": "attempt", "#dueAt": TABLE.dueIndex.sortKey, "#owned": "owned" },
      values: { ":one": 1, ":leaseUntil": leaseUntil, ":now": now },
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
      owner,
      attempt: owner - waits,
      hasWaited: waits > 0,
      scheduledAt: epochMillis(number(before, "scheduledAt")),
      interrupted: before["owned"] === 1,
    };
  }

  async complete(claim: Claim, state: Exclude<ActionState, "due">): Promise<boolean> {
    const before = await this.#table.change(keyOf(claim.id), {
      text: "SET #state = :state REMOVE #queue, #dueAt, #owned",
      condition: STILL_OWNER,
      names: {
        ...OWNER_NAMES,
        "#state": "state",
        "#queue": TABLE.dueIndex.partitionKey,
        "#dueAt": TABLE.dueIndex.sortKey,
      },
      values: { ":owner": claim.owner, ":one": 1, ":state": state },
    });
    return before !== undefined;
  }

  async release(claim: Claim, at: EpochMillis): Promise<boolean> {
    const before = await this.#table.change(keyOf(claim.id), {
      text: "SET #dueAt = :at REMOVE #owned",
      condition: STILL_OWNER,
      names: { ...OWNER_NAMES, "#dueAt": TABLE.dueIndex.sortKey },
      values: { ":owner": claim.owner, ":one": 1, ":at": at },
    });
    return before !== undefined;
  }

  async defer(claim: Claim, at: EpochMillis): Promise<boolean> {
    const before = await this.#table.change(keyOf(claim.id), {
      text: "SET #dueAt = :at REMOVE #owned ADD #waits :one",
      condition: STILL_OWNER,
      names: { ...OWNER_NAMES, "#dueAt": TABLE.dueIndex.sortKey, "#waits": "waits" },
      values: { ":owner": claim.owner, ":one": 1, ":at": at },
    });
    return before !== undefined;
  }

  async wake(id: string, now: EpochMillis): Promise<void> {
    await this.#table.change(keyOf(id), {
      text: "SET #dueAt = :now",
      condition: "#dueAt > :now AND attribute_not_exists(#owned)",
      names: { "#owned": "owned", "#dueAt": TABLE.dueIndex.sortKey },
      values: { ":now": now },
    });
  }

  async expireLeases(target: string, now: EpochMillis): Promise<void> {
    const selection = {
      index: TABLE.dueIndex.name,
      text: "#queue = :queue AND #dueAt > :now",
      names: { "#queue": TABLE.dueIndex.partitionKey, "#dueAt": TABLE.dueIndex.sortKey },
      values: { ":queue": queueOf(target), ":now": now },
    } as const;
    for (const id of await collect(this.#table.select(selection), (item) => text(item, TABLE.partitionKey))) {
      await this.#table.change(keyOf(id), {
        text: "SET #dueAt = :now",
        condition: "#owned = :one",
        names: { "#owned": "owned", "#dueAt": TABLE.dueIndex.sortKey },
        values: { ":one": 1, ":now": now },
      });
    }
  }

  async state(id: string): Promise<ActionState | undefined> {
    return (await this.status(id))?.state;
  }

  async status(id: string): Promise<ActionStatus | undefined> {
    const item = await this.#table.get(keyOf(id));
    if (item === undefined) return undefined;
    // Written by this class from the same type.
    const state = text(item, "state") as ActionState;
    return state === "due" ? { state, dueAt: epochMillis(number(item, TABLE.dueIndex.sortKey)) } : { state };
  }
}

/** The owner is the number of claims: a later owner has a higher number, and a finished action has no owner. */
const STILL_OWNER = "#attempt = :owner AND #owned = :one";
const OWNER_NAMES = { "#attempt": "attempt", "#owned": "owned" } as const;

const keyOf = (id: string) => ({ pk: id, sk: "head" });
const queueOf = (target: string): string => `act#${target}`;
