import type { EpochMillis } from "../host/clock.ts";
import type { NamedPrincipal } from "./principal.ts";

/**
 * How a target is, the worst first. `late`: an action is overdue although nothing holds it. `stumbling`: the last attempts
 * failed, and the circuit breaker is closed. `rejecting`: actions were given up in the last day. `never_used`: no answer of
 * it is on record.
 */
export const TARGET_STATES = ["failing", "paused", "late", "stumbling", "rejecting", "never_used", "working"] as const;
export type ShownTargetState = (typeof TARGET_STATES)[number];

/** Somebody has stopped all attempts at a target, until somebody resumes it. */
export interface TargetPause {
  readonly since: EpochMillis;
  readonly by: NamedPrincipal;
  readonly reason: string;
}

/** Attempts in a row that failed because of the target. While it is open, no attempt is made before `retryAt`. */
export interface CircuitBreaker {
  /** With the failed probes of an open breaker. */
  readonly failures: number;
  /** One sentence: the last failure. */
  readonly why: string;
  /** Undefined while it is closed. */
  readonly open?: OpenBreaker;
}

export interface OpenBreaker {
  readonly since: EpochMillis;
  /**
   * When one attempt is made as a probe. A probe moves this time to the end of its lease, so that it is the only one, and so
   * that another is made if it ends without a record.
   */
  readonly retryAt: EpochMillis;
  /** When `retryAt` was set. */
  readonly setAt: EpochMillis;
  /** The revision with which the last probe began; undefined if none runs. */
  readonly probe?: number;
}

/** What is known of a target, beside its configuration. */
export interface TargetState {
  readonly target: string;
  /** The number of changes. 0: nothing is stored. */
  readonly revision: number;
  readonly pause?: TargetPause;
  /** Undefined if the last attempt did not fail because of the target. */
  readonly breaker?: CircuitBreaker;
}
