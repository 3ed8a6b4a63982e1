import type { EpochMillis } from "../host/clock.ts";

/** The states of a route that has ended without what it was for. */
export const FAILED_STATES = ["given_up", "accepted_without_run", "cut"] as const;

/** The states of a route that a person has to look at. */
export const ROUTE_ATTENTION = [...FAILED_STATES, "retrying", "waiting"] as const;

/** The states that a person has to look at. The index of states has an entry for each of them, and for no other. */
export const NEEDS_ATTENTION = [...ROUTE_ATTENTION, "refused", "unusable"] as const;
export type AttentionState = (typeof NEEDS_ATTENTION)[number];

/** An entry of the index of states: the state, and when it began. */
export interface Attention {
  readonly state: AttentionState;
  readonly since: EpochMillis;
}
