import { MAX_RETRY_AFTER_SECONDS } from "../model/action-outcome.ts";

export interface RetryPolicy {
  /** Upper bound of the wait after the first attempt, in milliseconds. It doubles with each attempt. */
  readonly baseMs: number;
  /** Largest upper bound, in milliseconds. */
  readonly capMs: number;
  /** Largest number of attempts. After the last one the action is given up and needs a person. */
  readonly maxAttempts: number;
}

/**
 * Retries last for one to two hours: a target may be down for an hour, and on-call sees a given-up action in the same
 * shift.
 */
export const DEFAULT_RETRY: RetryPolicy = { baseMs: 1_000, capMs: 1_800_000, maxAttempts: 15 };

/**
 * Exponential backoff with equal jitter: the milliseconds to wait after `attempt` (from 1). The wait lies between half
 * of the exponential bound and the bound, so that actions that failed together are not retried together (AWS
 * Architecture Blog, "Exponential Backoff And Jitter"). It is never less than the time that the target asked for
 * (`afterSeconds`, at most {@link MAX_RETRY_AFTER_SECONDS}). `jitter` is a number in [0, 1).
 */
export function backoffMs(
  attempt: number,
  outcome: { readonly afterSeconds?: number },
  policy: RetryPolicy,
  jitter: number,
): number {
  const bound = Math.min(policy.capMs, policy.baseMs * 2 ** (attempt - 1));
  return Math.max(
    Math.ceil(((1 + jitter) / 2) * bound),
    Math.min(outcome.afterSeconds ?? 0, MAX_RETRY_AFTER_SECONDS) * 1_000,
  );
}
