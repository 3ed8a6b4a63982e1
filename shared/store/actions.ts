import { type EpochMillis, epochMillis } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import type { Attention } from "../model/attention.ts";
import type { KnownAction } from "../model/delivery-state.ts";
import { ATTENTION_FIELDS, attentionFields, attentionOf } from "./attention.ts";
import { correctDueTimes, DUE_FIELDS, dueFields, dueSetAt, isDue } from "./due-times.ts";
import { expiryOf, expiryOfWaiting, number, type Retention, text } from "./fields.ts";
import { TABLE } from "./key-schema.ts";
import { collect } from "./streams.ts";
import type { Condition, Fields, Item, Table } from "./table.ts";

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

/**
 * `expecting_run`: the target accepted the request, and no run was reported yet. `accepted_without_run`: none was reported
 * in time. A later report ends both as `done`, and so it does with an action that was given up although a request of
 * unknown outcome may have started the run.
 */
export type ActionState = KnownAction["state"];

export interface ActionStatus
  extends Pick<ScheduledAction, "route" | "action" | "target" | "eventKey" | "delivery" | "event"> {
  readonly state: ActionState;
  /** Present if a person has to look at it. */
  readonly attention?: Attention;
  /** While it is due or expects a run; during a lease that is the end of the lease. */
  readonly dueAt?: EpochMillis;
  /** In AWS, if it is in the index `due`. */
  readonly parked?: ParkedAction;
  /** Present once a target has accepted a request and a run was expected. */
  readonly run?: ExpectedRun;
  /** The first report of the run. */
  readonly report?: RunReport;
  /** The hold of its target that deferred it last, if nothing else has since. */
  readonly hold?: { readonly key: string; readonly at: EpochMillis };
}

/** An action whose target is held. It stays due, and nothing but the end of the hold lets it run. */
interface HeldAction {
  /** Identifies the hold. */
  readonly key: string;
  /** The action does not expire before. */
  readonly keepUntil: EpochMillis;
}

/** An action in the index `due`, as it was when it was read: a later claim changes it. */
export interface ParkedAction {
  readonly dueAt: EpochMillis;
  /** How often it was claimed. */
  readonly claims: number;
}

interface DueAction {
  readonly id: string;
  readonly dueAt: EpochMillis;
}

/** The requests that the target accepted. */
export interface ExpectedRun {
  /** When it accepted the first one. */
  readonly acceptedAt: EpochMillis;
  readonly requests: number;
  /** The ids that the target gave them, if it gave any. */
  readonly eventIds: readonly string[];
  /** What is due next while no run is reported: the same request again, or the end of the wait. */
  readonly next: "repeat" | "end";
  /** The answer to a request was lost, so a run may belong to the action under another id. */
  readonly lostAnswer?: true;
}

export interface RunReport {
  readonly at: EpochMillis;
  /** The delivery that reported it; undefined if the answer to the request confirmed a report from before it. */
  readonly by?: string;
}

/** What an action waits for after an accepted request. */
export interface ExpectedStep {
  /** When `next` is due. */
  readonly at: EpochMillis;
  readonly next: ExpectedRun["next"];
  /** The request that was just accepted; undefined if none was sent. */
  readonly accepted?: { readonly eventId?: string | undefined; readonly namespace?: string | undefined };
}

/**
 * A lease on an action: every later write is conditional on `owner`, a number that no other claim of the action has.
 */
export interface Claim extends ScheduledAction {
  readonly owner: number;
  /** When it was due. */
  readonly dueAt: EpochMillis;
  /** Starts at 1; attempts that only waited are not counted. */
  readonly attempt: number;
  /** An earlier attempt only waited. */
  readonly hasWaited: boolean;
  readonly scheduledAt: EpochMillis;
  /** The previous attempt ended without a record: its lease expired. */
  readonly interrupted: boolean;
  /** Present if a target has accepted a request of an earlier attempt. */
  readonly run?: ExpectedRun;
  /** A request of an earlier attempt started a run, or may have. */
  readonly mayRun: boolean;
  /** A run was reported that an earlier attempt started, or may have started. */
  readonly isReported: boolean;
  /** The key of the last hold of a target that deferred it. */
  readonly hold?: string;
  /** The state before the claim, if a person had to look at it. */
  readonly attention?: Attention;
}

interface Indexing {
  /**
   * Whether every unfinished action is in the index `due`. Required on one machine, because nothing else lists them. In AWS
   * a queue has the message of an action that runs or is tried again, and each change of an entry costs two index writes:
   * only an action without a message has an entry, by which the sweep finds it.
   */
  readonly indexAll: boolean;
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
  readonly #indexAll: boolean;
  /** The targets that this process has listed under {@link WAITING_TARGETS}. */
  readonly #listed = new Set<string>();

  constructor(table: Table, options: Retention, { indexAll }: Indexing) {
    this.#table = table;
    this.#options = options;
    this.#indexAll = indexAll;
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
      ...(this.#indexAll && { queue: queueOf(action.target) }),
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

  /** A target's actions that became due from `from` to `to`, oldest first. */
  async *dueBetween(target: string, from: EpochMillis, to: EpochMillis): AsyncGenerator<DueAction> {
    const selection = { index: TABLE.dueIndex.name, partition: queueOf(target), from, to };
    for await (const item of this.#table.select(selection))
      yield { id: text(item, TABLE.partitionKey), dueAt: epochMillis(number(item, TABLE.dueIndex.sortKey)) };
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
      // If the owner crashes, its message comes again.
      remove: this.#indexAll ? [] : [TABLE.dueIndex.partitionKey],
    });
    if (before === undefined) return undefined;
    const owner = number(before, "attempt") + 1;
    const interrupted = before["owned"] === 1;
    const run = expectedRunOf(before);
    const mayRun = run !== undefined || interrupted || before["mayRun"] === 1;
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
      dueAt: epochMillis(number(before, TABLE.dueIndex.sortKey)),
      ...(before["hold"] !== undefined && { hold: text(before, "hold") }),
      attempt: owner - waits,
      hasWaited: waits > 0,
      scheduledAt: epochMillis(number(before, "scheduledAt")),
      interrupted,
      ...(run && { run }),
      mayRun,
      isReported: mayRun && before["reportedAt"] !== undefined,
      ...withAttention(before),
    };
  }

  /** Ends the action as done. False, and no change, if the claim no longer owns it. */
  async complete(claim: Claim): Promise<boolean> {
    const before = await this.#table.change(keyOf(claim.id), {
      condition: stillOwnedBy(claim),
      set: { state: "done" satisfies ActionState },
      remove: [...WORK_FIELDS, ...ATTENTION_FIELDS],
    });
    return before !== undefined;
  }

  /** Ends the action as given up at `now`. False, and no change, if the claim no longer owns it. */
  async giveUp(claim: Claim, now: EpochMillis, as: "given_up" | "cut" = "given_up"): Promise<boolean> {
    const before = await this.#table.change(keyOf(claim.id), {
      condition: stillOwnedBy(claim),
      set: { state: "gave_up" satisfies ActionState, ...attentionFields({ state: as, since: now }, claim.delivery) },
      remove: WORK_FIELDS,
    });
    return before !== undefined;
  }

  /**
   * Ends the lease at `now` after a request that the target accepted: the action expects a run, and its next step is due at
   * `at`. `reported`: a run was reported meanwhile, and the action is done. `lost`: the claim no longer owns it.
   */
  async expectRun(claim: Claim, now: EpochMillis, step: ExpectedStep): Promise<"expecting" | "reported" | "lost"> {
    const { run } = claim;
    const { at, next, accepted } = step;
    const { eventId, namespace } = accepted ?? {};
    const eventIds = [...(run?.eventIds ?? []), eventId].flatMap((one) => one ?? []);
    const expected = {
      next,
      acceptedAt: run?.acceptedAt ?? now,
      requests: (run?.requests ?? 0) + (accepted ? 1 : 0),
      eventIds: eventIds.length > 0 ? eventIds.join(" ") : undefined,
    };
    const entry = await this.#entry(claim, {});
    const before = await this.#table.change(keyOf(claim.id), {
      // A missing field differs from every value.
      condition: unreported(claim, namespace === undefined ? [] : [{ field: "claimedIn", is: "<>", value: namespace }]),
      set: {
        state: "expecting_run" satisfies ActionState,
        ...entry,
        ...dueFields(now, at),
        ...expiryOfWaiting(claim.scheduledAt, at, this.#options),
        ...expected,
        mayRun: claim.interrupted ? 1 : undefined,
      },
      remove: ["owned", ...ATTENTION_FIELDS],
    });
    return before === undefined ? this.#completeReported(claim, now, expected) : "expecting";
  }

  /** Ends an action whose run was not reported in time. The results are those of {@link expectRun}. */
  async endWithoutRun(claim: Claim, now: EpochMillis): Promise<"missing" | "reported" | "lost"> {
    const before = await this.#table.change(keyOf(claim.id), {
      condition: unreported(claim),
      set: {
        state: "accepted_without_run" satisfies ActionState,
        ...attentionFields({ state: "accepted_without_run", since: now }, claim.delivery),
      },
      remove: WORK_FIELDS,
    });
    return before === undefined ? this.#completeReported(claim, now) : "missing";
  }

  /** `expected`: the fields of the expected run, if they are not stored yet because its report came before the answer. */
  async #completeReported(claim: Claim, now: EpochMillis, expected: Fields = {}): Promise<"reported" | "lost"> {
    const { reportedAt = now } = (await this.#table.get(keyOf(claim.id))) ?? {};
    const before = await this.#table.change(keyOf(claim.id), {
      condition: stillOwnedBy(claim),
      set: { state: "done" satisfies ActionState, reportedAt, ...expected },
      remove: [...WORK_FIELDS, ...ATTENTION_FIELDS],
    });
    return before === undefined ? "lost" : "reported";
  }

  /**
   * Records the first report of a run that the action started or may have started. Its owner ends an action that is leased;
   * otherwise an action that expected the run is done. Returns the state before; undefined if the report changes nothing.
   */
  reportRun(id: string, { at, by }: Required<RunReport>): Promise<ActionState | undefined> {
    return this.#record(id, "reportedAt", { reportedAt: at, reportedBy: by });
  }

  /**
   * Records that a run claims to be of this action, before the listener that accepted the request has answered: its answer
   * names the namespace, and thereby decides whether the claim is true. Returns the state. Once the answer is stored,
   * nothing is recorded.
   */
  claimRun(id: string, namespace: string): Promise<ActionState | undefined> {
    return this.#record(id, "claimedIn", { claimedIn: namespace });
  }

  async #record(id: string, once: string, fields: Fields): Promise<ActionState | undefined> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const item = await this.#table.get(keyOf(id));
      if (item === undefined || item[once] !== undefined) return undefined;
      const state = stateOf(item);
      if (state === "done" || (state === "gave_up" && item["mayRun"] !== 1)) return undefined;
      if (state !== "due" && once === "claimedIn") return state;
      const isOwned = item["owned"] === 1;
      // No request was sent yet: an action that waits for an approval must not end because of what a run claims.
      if (state === "due" && !isOwned && item["mayRun"] !== 1) return undefined;
      const ends = state !== "due" && !isOwned;
      const before = await this.#table.change(keyOf(id), {
        condition: {
          all: [
            { field: "state", is: "=", value: state },
            { field: "owned", is: isOwned ? "present" : "absent" },
            { field: once, is: "absent" },
          ],
        },
        set: ends ? { ...fields, state: "done" satisfies ActionState } : fields,
        ...(ends && { remove: [...WORK_FIELDS, ...ATTENTION_FIELDS] }),
      });
      if (before !== undefined) return state;
    }
    throw new Fault("store_unavailable", "too many concurrent writes of one action", { retryable: true });
  }

  /**
   * Ends the lease at `now` after a failure: the action is retried at `at`, and kept until then. False, and no change, if
   * the claim no longer owns it. `mayRun`: the target may have started a run, as the request of an interrupted attempt may
   * have. `isUncounted`: the attempt does not count. `hasMessage`: a queue keeps the action's message.
   */
  async release(
    claim: Claim,
    now: EpochMillis,
    at: EpochMillis,
    {
      mayRun = false,
      isUncounted = false,
      ...queued
    }: { readonly mayRun?: boolean; readonly isUncounted?: boolean; readonly hasMessage?: boolean } = {},
  ): Promise<boolean> {
    const entry = await this.#entry(claim, queued);
    const before = await this.#table.change(keyOf(claim.id), {
      condition: stillOwnedBy(claim),
      set: {
        ...entry,
        ...dueFields(now, at),
        ...expiryOfWaiting(claim.scheduledAt, at, this.#options),
        mayRun: mayRun || claim.interrupted ? 1 : undefined,
        ...entered("retrying", claim, now),
      },
      ...(isUncounted && { add: { waits: 1 } }),
      remove: ["owned"],
    });
    return before !== undefined;
  }

  /**
   * Like {@link release}, for an attempt that only waited. `isAttended`: it waits for people, or for something that a person
   * can change. `hold`: its target is held.
   */
  async defer(
    claim: Claim,
    now: EpochMillis,
    at: EpochMillis,
    {
      isAttended = false,
      hold,
      ...queued
    }: { readonly isAttended?: boolean; readonly hold?: HeldAction | undefined; readonly hasMessage?: boolean } = {},
  ): Promise<boolean> {
    const entry = await this.#entry(claim, queued);
    const before = await this.#table.change(keyOf(claim.id), {
      condition: stillOwnedBy(claim),
      set: {
        ...entry,
        ...dueFields(now, at),
        ...expiryOfWaiting(claim.scheduledAt, hold?.keepUntil ?? at, this.#options),
        mayRun: claim.interrupted ? 1 : undefined,
        hold: hold?.key,
        ...(isAttended && entered("waiting", claim, now)),
      },
      add: { waits: 1 },
      remove: ["owned", ...(hold ? [] : ["hold"]), ...(isAttended ? [] : ATTENTION_FIELDS)],
    });
    return before !== undefined;
  }

  /**
   * Takes an action that failed for good out of the index of states, because its event was replayed: the replay has a state
   * of its own. No change in any other state.
   */
  async answer(id: string): Promise<void> {
    await this.#table.change(keyOf(id), {
      condition: {
        field: "state",
        is: "in",
        values: ["gave_up", "accepted_without_run"] satisfies readonly ActionState[],
      },
      remove: ATTENTION_FIELDS,
    });
  }

  /**
   * Makes a waiting action due at `at`, which is `now` or later. No change if it is due earlier, owned, expects a run, is
   * finished or was deleted.
   */
  async wake(id: string, now: EpochMillis, at = now): Promise<void> {
    const before = await this.#table.change(keyOf(id), {
      condition: {
        all: [
          { field: "dueAt", is: ">", value: at },
          { field: "owned", is: "absent" },
          { field: "state", is: "=", value: "due" satisfies ActionState },
        ],
      },
      set: dueFields(now, at),
    });
    // An earlier release listed no targets.
    if (!this.#indexAll && before?.[TABLE.dueIndex.partitionKey] !== undefined)
      await this.listWaiting(text(before, "target"));
  }

  /** Lists a target, so that the sweep finds those of its actions that have an entry in the index `due`. */
  async listWaiting(target: string): Promise<void> {
    if (this.#listed.has(target)) return;
    await this.#table.put({ pk: WAITING_TARGETS, sk: target });
    this.#listed.add(target);
  }

  /** The entry in the index `due` of an action that waits. Its target is listed before, so that the entry is found. */
  async #entry({ target }: Claim, { hasMessage = false }: { readonly hasMessage?: boolean }): Promise<Fields> {
    if (this.#indexAll || hasMessage) return {};
    await this.listWaiting(target);
    return { [TABLE.dueIndex.partitionKey]: queueOf(target) };
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

  async status(id: string): Promise<ActionStatus | undefined> {
    const item = await this.#table.get(keyOf(id));
    if (item === undefined) return undefined;
    const state = stateOf(item);
    const run = expectedRunOf(item);
    return {
      state,
      route: text(item, "route"),
      action: text(item, "action"),
      target: text(item, "target"),
      eventKey: text(item, "eventKey"),
      delivery: text(item, "delivery"),
      ...(item["event"] !== undefined && { event: text(item, "event") }),
      ...(state !== "done" && withAttention(item)),
      ...(isUnfinished(state) && { dueAt: epochMillis(number(item, TABLE.dueIndex.sortKey)) }),
      ...(!this.#indexAll && parkedOf(item)),
      ...(run && { run }),
      ...(item["hold"] !== undefined && { hold: { key: text(item, "hold"), at: dueSetAt(item) } }),
      ...(item["reportedAt"] !== undefined && {
        report: {
          at: epochMillis(number(item, "reportedAt")),
          ...(item["reportedBy"] !== undefined && { by: text(item, "reportedBy") }),
        },
      }),
    };
  }
}

/** Each lost race means that another writer succeeded, so this limit is never reached in practice. */
const MAX_TRIES = 20;

/** The fields that an action loses when it ends. */
const WORK_FIELDS = [...DUE_FIELDS, "owned"];

function withAttention(item: Item): { readonly attention?: Attention } {
  const attention = attentionOf(item);
  return attention === undefined ? {} : { attention };
}

function parkedOf(item: Item): { readonly parked?: ParkedAction } {
  const { partitionKey, sortKey } = TABLE.dueIndex;
  if (item[partitionKey] === undefined || item["owned"] === 1) return {};
  return { parked: { dueAt: epochMillis(number(item, sortKey)), claims: number(item, "attempt") } };
}

/** The fields of an unfinished action that enters a state; none if it is in that state, so that the index is not written. */
const entered = (state: "retrying" | "waiting", { attention, delivery }: Claim, now: EpochMillis): Fields =>
  attention?.state === state ? {} : attentionFields({ state, since: now }, delivery);

// Written by this class from the same type.
const stateOf = (item: Item): ActionState => text(item, "state") as ActionState;

const isUnfinished = (state: ActionState): boolean => state === "due" || state === "expecting_run";

function expectedRunOf(item: Item): ExpectedRun | undefined {
  if (item["acceptedAt"] === undefined) return undefined;
  return {
    acceptedAt: epochMillis(number(item, "acceptedAt")),
    requests: number(item, "requests"),
    eventIds: item["eventIds"] === undefined ? [] : text(item, "eventIds").split(" "),
    next: item["next"] === "repeat" ? "repeat" : "end",
    ...(item["mayRun"] === 1 && { lostAnswer: true }),
  };
}

/** The owner is the number of claims: a later owner has a higher number, and a finished action has no owner. */
const stillOwnedBy = (claim: Claim): Condition => ({ all: ownedBy(claim) });

const ownedBy = ({ owner }: Claim): readonly Condition[] => [
  { field: "attempt", is: "=", value: owner },
  { field: "owned", is: "=", value: 1 },
];

/** Owned, without a report of a run. */
const unreported = (claim: Claim, more: readonly Condition[] = []): Condition => ({
  all: [...ownedBy(claim), { field: "reportedAt", is: "absent" }, ...more],
});

const keyOf = (id: string) => ({ pk: id, sk: "head" });
/** The partition that lists the targets of which any action ever waited without a message. Only in AWS. */
export const WAITING_TARGETS = "waiting-targets";
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
  return { queue: isUnfinished(stateOf(item)) ? queueOf(text(item, "target")) : undefined };
}
