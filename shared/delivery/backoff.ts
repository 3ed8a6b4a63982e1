export interface RetryPolicy {
  /** Upper bound of the wait after the first attempt, in milliseconds; it doubles with each one. */
  readonly baseMs: number;
  /** Largest upper bound, in milliseconds. */
  readonly capMs: number;
  /** Attempts in all; after the last the action is given up and waits for a person. */
  readonly maxAttempts: number;
}

/**
 * One to two hours in all: a target may be away for an hour, and on-call hears of what was given up in the same shift.
 */
export const DEFAULT_RETRY: RetryPolicy = { baseMs: 1_000, capMs: 1_800_000, maxAttempts: 15 };

/**
 * Milliseconds to wait after `attempt` (from 1): between half of the exponential bound and all of it, at random, so that a
 * crowd that failed together does not come back together (AWS Architecture Blog, "Exponential Backoff And Jitter", equal
 * jitter); and never less than the target asked for.
 */
export function backoffMs(
  attempt: number,
  outcome: { readonly afterSeconds?: number },
  { retry, random }: { readonly retry: RetryPolicy; readonly random: () => number },
): number {
  const bound = Math.min(retry.capMs, retry.baseMs * 2 ** (attempt - 1));
  return Math.max(Math.ceil(((1 + random()) / 2) * bound), (outcome.afterSeconds ?? 0) * 1_000);
}
