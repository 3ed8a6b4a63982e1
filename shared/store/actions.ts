import type { EpochMillis } from "../host/clock.ts";

/** One action to run: a route met an event. Its id comes from (route, event key), so a happening told twice runs once. */
export interface ScheduledAction {
  readonly id: string;
  readonly route: string;
  readonly eventKey: string;
  /** The delivery that told it first. */
  readonly delivery: string;
}

export type ActionState = "due" | "done" | "gave_up";

/** A lease on an action: `attempt` is the owner's number, and every later write is conditional on it. */
export interface Claim extends ScheduledAction {
  readonly attempt: number;
  readonly scheduledAt: EpochMillis;
}

/** Durable actions, run at least once and by one owner at a time. Every method throws `store_unavailable`. */
export interface ActionStore {
  /** Stores the action as due at `at`, once. Otherwise tells which delivery it was stored for. */
  schedule(
    action: ScheduledAction,
    at: EpochMillis,
  ): Promise<{ readonly scheduled: boolean; readonly delivery: string }>;
  /** Ids of actions due at `now`, oldest first, those with an expired lease among them. */
  due(now: EpochMillis, limit: number): Promise<readonly string[]>;
  /** Takes the action until `leaseUntil`. Nothing when it is not due at `now`, is finished, or another owner was faster. */
  claim(id: string, now: EpochMillis, leaseUntil: EpochMillis): Promise<Claim | undefined>;
  /** Ends the action. False, and no change, when the claim is no longer the owner's. */
  finish(claim: Claim, state: Exclude<ActionState, "due">): Promise<boolean>;
  /** Gives the action back until `at`. False, and no change, when the claim is no longer the owner's. */
  giveBack(claim: Claim, at: EpochMillis): Promise<boolean>;
  state(id: string): Promise<ActionState | undefined>;
}
