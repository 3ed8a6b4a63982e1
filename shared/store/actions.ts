import type { EpochMillis } from "../host/clock.ts";

/** One action to run: a route met an event. Its id comes from (route, event key), so a happening told twice runs once. */
export interface ScheduledAction {
  readonly id: string;
  readonly route: string;
  /** Kind of the action. */
  readonly action: string;
  /** The target it lands on: each has its own queue, so that a slow one holds up no other. */
  readonly target: string;
  readonly eventKey: string;
  /** The delivery that told it first. */
  readonly delivery: string;
}

export type ActionState = "due" | "done" | "gave_up";

export type ActionStanding =
  | { readonly state: "due"; readonly dueAt: EpochMillis }
  | { readonly state: Exclude<ActionState, "due"> };

/** A lease on an action: every later write is conditional on `owner`, a number that no other claim of the action has. */
export interface Claim extends ScheduledAction {
  readonly owner: number;
  /** Starts at 1; those that only waited are not counted. */
  readonly attempt: number;
  /** An attempt before this one has only waited. */
  readonly hasWaited: boolean;
  readonly scheduledAt: EpochMillis;
  /** The attempt before this one ended without a record: its lease ran out. */
  readonly interrupted: boolean;
}

/** Durable actions, run at least once and by one owner at a time. Every method throws `store_unavailable`. */
export interface ActionStore {
  /** Stores the action as due at `at`, once. Tells for which delivery it was stored, and when, now or before. */
  schedule(
    action: ScheduledAction,
    at: EpochMillis,
  ): Promise<{ readonly scheduled: boolean; readonly delivery: string; readonly at: EpochMillis }>;
  /** Ids of a target's actions due at `now`, oldest first, those with an expired lease among them. */
  due(target: string, now: EpochMillis, limit: number): Promise<readonly string[]>;
  /** Takes the action until `leaseUntil`. Nothing when it is not due at `now`, is finished, or another owner was faster. */
  claim(id: string, now: EpochMillis, leaseUntil: EpochMillis): Promise<Claim | undefined>;
  /** Ends the action. False, and no change, when the claim is no longer the owner's. */
  complete(claim: Claim, state: Exclude<ActionState, "due">): Promise<boolean>;
  /** Gives the action back until `at`. False, and no change, when the claim is no longer the owner's. */
  release(claim: Claim, at: EpochMillis): Promise<boolean>;
  /** As {@link release}, for an attempt that only waited. */
  defer(claim: Claim, at: EpochMillis): Promise<boolean>;
  /** Makes an action that waits due at `now`; on one that is owned, finished or gone, nothing. */
  wake(id: string, now: EpochMillis): Promise<void>;
  state(id: string): Promise<ActionState | undefined>;
  /** The state and, while it is due, when: a lease's end is a due time too. */
  standing(id: string): Promise<ActionStanding | undefined>;
  /**
   * Makes a target's leased actions due at `now`. Only for a process that knows that it is alone, at its start: the owners
   * are then gone. An owner that is not gone after all loses its lease and nothing else.
   */
  expireLeases(target: string, now: EpochMillis): Promise<void>;
}
