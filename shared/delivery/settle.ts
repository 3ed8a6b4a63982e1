import { type EpochMillis, laterBy } from "../host/clock.ts";
import type { ActionOutcome, RunExpectation } from "../model/action-outcome.ts";
import type { ExpectedRun, ExpectedStep } from "../store/actions.ts";
import { backoffMs, type RetryPolicy } from "./backoff.ts";

/** The outcome of an attempt that counts towards the largest number of attempts. */
export type CountedOutcome = Exclude<ActionOutcome, { readonly outcome: "wait" }>;
export type WaitOutcome = Extract<ActionOutcome, { readonly outcome: "wait" }>;

export interface EndedAttempt {
  readonly number: number;
  readonly endedAt: EpochMillis;
  /** In [0, 1). */
  readonly jitter: number;
  /** The requests that the target accepted before this attempt; undefined if it accepted none. */
  readonly run?: ExpectedRun | undefined;
  /**
   * Present if the attempt was a probe of a target that still does not work: when the next probe is due. Such an attempt
   * does not count, so that no action is given up because its target was away for long.
   */
  readonly nextProbeAt?: EpochMillis | undefined;
}

/** The next state of an action after an attempt. */
export type NextState =
  /** A request was accepted, or one was and is not repeated. `next` is due at this time, unless a run is reported. */
  | ({ readonly state: "expecting_run"; readonly outcome: CountedOutcome } & ExpectedStep)
  /** A run was expected, and nothing more is tried. */
  | { readonly state: "accepted_without_run"; readonly outcome: CountedOutcome }
  | { readonly state: "done" | "gave_up"; readonly outcome: CountedOutcome }
  /** Due again at this time, after a failure. */
  | {
      readonly state: "retry";
      readonly outcome: CountedOutcome;
      readonly at: EpochMillis;
      /** The attempt does not count. */
      readonly isUncounted?: true;
    }
  /** Due again at this time. Nothing has failed, and the attempt does not count. */
  | { readonly state: "deferred"; readonly outcome: WaitOutcome; readonly at: EpochMillis };

/** Longest time until a deferred action runs again: then it notices a changed configuration, or a wake that was lost. */
const MAX_WAIT_SECONDS = 3_600;

const MINUTE_MS = 60_000;
/**
 * Milliseconds after the second and the third accepted request until the request is sent again, and after the fourth until
 * the wait ends: with the default `withinMs` of two minutes, requests are sent again after 2, 7 and 17 minutes, and the wait
 * ends after 20. Each request gets time for its report, however late it is sent.
 */
const REPEAT_GAPS_MS = [5 * MINUTE_MS, 10 * MINUTE_MS, 3 * MINUTE_MS];
/** The same total wait for a request that must not be sent again. */
const UNREPEATED_MS = REPEAT_GAPS_MS.reduce((sum, gap) => sum + gap, 0);
/** Milliseconds until the wait ends if the request is not sent again after all. */
const NOT_REPEATED_MS = 3 * MINUTE_MS;

/**
 * Returns the next state of an action. It is pure, so that every case can be tested without a store. `jitter` is a
 * number in [0, 1). The last attempt that the policy allows turns a retry into `give_up`.
 */
export function settle(outcome: ActionOutcome, attempt: EndedAttempt, policy: RetryPolicy): NextState {
  switch (outcome.outcome) {
    case "expect_run":
      return { state: "expecting_run", outcome, ...stepAfter(outcome.expectation, attempt) };
    case "done":
      // Without a report, nothing proves that the accepted request started a run.
      return attempt.run === undefined
        ? { state: "done", outcome }
        : { state: "expecting_run", outcome, at: laterBy(attempt.endedAt, NOT_REPEATED_MS), next: "end" };
    case "give_up":
      return { state: attempt.run === undefined ? "gave_up" : "accepted_without_run", outcome };
    case "wait": {
      if (outcome.until !== undefined) return { state: "deferred", outcome, at: outcome.until };
      const waitMs = Math.ceil(Math.min(outcome.afterSeconds, MAX_WAIT_SECONDS) * 1_000);
      return { state: "deferred", outcome, at: laterBy(attempt.endedAt, waitMs) };
    }
    case "retry": {
      if (attempt.nextProbeAt !== undefined)
        return { state: "retry", outcome, at: attempt.nextProbeAt, isUncounted: true };
      if (attempt.number >= policy.maxAttempts) {
        const summary = `given up after ${attempt.number} attempts: ${outcome.summary}`;
        return settle({ outcome: "give_up", summary }, attempt, policy);
      }
      const waitMs = backoffMs(attempt.number, outcome, policy, attempt.jitter);
      return { state: "retry", outcome, at: laterBy(attempt.endedAt, waitMs) };
    }
  }
}

function stepAfter(
  { withinMs, isRepeatable, eventId, namespace }: RunExpectation,
  { endedAt, run }: EndedAttempt,
): ExpectedStep {
  const accepted = { eventId, namespace };
  if (!isRepeatable) return { at: laterBy(endedAt, withinMs + UNREPEATED_MS), next: "end", accepted };
  const before = run?.requests ?? 0;
  const gapMs = before === 0 ? withinMs : (REPEAT_GAPS_MS[before - 1] ?? NOT_REPEATED_MS);
  return { at: laterBy(endedAt, gapMs), next: before < REPEAT_GAPS_MS.length ? "repeat" : "end", accepted };
}
