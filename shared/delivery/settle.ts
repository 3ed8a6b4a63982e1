import { type EpochMillis, laterBy } from "../host/clock.ts";
import type { ActionOutcome } from "../model/action-outcome.ts";
import { backoffMs, type RetryPolicy } from "./backoff.ts";

/** The outcome of an attempt that counts towards the largest number of attempts. */
export type CountedOutcome = Exclude<ActionOutcome, { readonly outcome: "wait" }>;
export type WaitOutcome = Extract<ActionOutcome, { readonly outcome: "wait" }>;

/** The next state of an action after an attempt. */
export type NextState =
  | { readonly state: "done" | "gave_up"; readonly outcome: CountedOutcome }
  /** Due again at this time, after a failure. */
  | { readonly state: "retry"; readonly outcome: CountedOutcome; readonly at: EpochMillis }
  /** Due again at this time. Nothing has failed, and the attempt does not count. */
  | { readonly state: "deferred"; readonly outcome: WaitOutcome; readonly at: EpochMillis };

/** Longest time until a deferred action runs again: below 900 s, the longest delay of an SQS message. */
const MAX_WAIT_SECONDS = 600;

/**
 * Returns the next state of an action. It is pure, so that every case can be tested without a store. `jitter` is a
 * number in [0, 1). The last attempt that the policy allows turns a retry into `give_up`.
 */
export function settle(
  outcome: ActionOutcome,
  attempt: { readonly number: number; readonly endedAt: EpochMillis; readonly jitter: number },
  policy: RetryPolicy,
): NextState {
  switch (outcome.outcome) {
    case "done":
      return { state: "done", outcome };
    case "give_up":
      return { state: "gave_up", outcome };
    case "wait": {
      const waitMs = Math.ceil(Math.min(outcome.afterSeconds, MAX_WAIT_SECONDS) * 1_000);
      return { state: "deferred", outcome, at: laterBy(attempt.endedAt, waitMs) };
    }
    case "retry": {
      if (attempt.number >= policy.maxAttempts) {
        const summary = `given up after ${attempt.number} attempts: ${outcome.summary}`;
        return { state: "gave_up", outcome: { outcome: "give_up", summary } };
      }
      const waitMs = backoffMs(attempt.number, outcome, policy, attempt.jitter);
      return { state: "retry", outcome, at: laterBy(attempt.endedAt, waitMs) };
    }
  }
}
