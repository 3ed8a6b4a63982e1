import type { EpochMillis } from "../host/clock.ts";

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

/** Durable actions, run at least once and by one owner at a time. Every method throws `store_unavailable`. */
export interface ActionStore {
  /** Stores the action as due at `at`, once. Returns the delivery and time with which it was stored, now or earlier. */
  schedule(
    action: ScheduledAction,
    at: EpochMillis,
  ): Promise<{ readonly scheduled: boolean; readonly delivery: string; readonly at: EpochMillis }>;
  /** Ids of a target's actions due at `now`, oldest first, including those with an expired lease. */
  due(target: string, now: EpochMillis, limit: number): Promise<readonly string[]>;
  /** Leases the action until `leaseUntil`. Undefined if it is not due at `now`, is finished, or has another owner. */
  claim(id: string, now: EpochMillis, leaseUntil: EpochMillis): Promise<Claim | undefined>;
  /** Ends the action. False, and no change, if the claim no longer owns it. */
  complete(claim: Claim, state: Exclude<ActionState, "due">): Promise<boolean>;
  /** Ends the lease and makes the action due at `at`. False, and no change, if the claim no longer owns it. */
  release(claim: Claim, at: EpochMillis): Promise<boolean>;
  /** Like {@link release}, for an attempt that only waited. */
  defer(claim: Claim, at: EpochMillis): Promise<boolean>;
  /** Makes a waiting action due at `now`. No change if it is owned, finished or deleted. */
  wake(id: string, now: EpochMillis): Promise<void>;
  state(id: string): Promise<ActionState | undefined>;
  /** The state and, while it is due, the due time; during a lease that is the end of the lease. */
  status(id: string): Promise<ActionStatus | undefined>;
  /**
   * Makes a target's leased actions due at `now`. Only for the start of a process that knows that it is the only one:
   * all owners have then ended. An owner that still runs loses only its lease.
   */
  expireLeases(target: string, now: EpochMillis): Promise<void>;
}
