import { backoffMs } from "../delivery/backoff.ts";
import { type Clock, type Moment, momentOf, msSince } from "../host/clock.ts";

interface Answer {
  /** Present if the site left something unknown. */
  readonly unknown?: { readonly why: string; readonly afterSeconds?: number };
}

export interface Asked<T> {
  readonly answer: T;
  readonly askedAt: Moment;
}

/** How long an answer counts, from the beginning of the question. Who loses a right at the site loses it here within it. */
export const FRESH_MS = 60_000;
/** The same for an answer that denies something, so that who gets a right at the site need not wait. */
export const NEGATIVE_MS = 5_000;
/** Answers, and questions without one, that one process keeps. The oldest goes first. */
const MAX_KNOWN = 1_000;

/** The wait for a site that does not answer. It doubles with each question that it did not answer. */
const BACKOFF = { baseMs: 5_000, capMs: 600_000, maxAttempts: Number.POSITIVE_INFINITY };

/**
 * Returns what asks a question, or takes the answer to the same one from memory while it counts. Questions at the same time
 * are one. An answer that leaves something unknown is not kept, and says after how many seconds to ask again.
 */
export function askedAnswers<T extends Answer>({
  clock,
  random,
  freshMs,
}: {
  readonly clock: Clock;
  /** A number in [0, 1), for jitter. */
  readonly random: () => number;
  readonly freshMs: (answer: T) => number;
}): (key: string, question: () => Promise<T>) => Promise<Asked<T>> {
  const known = new Map<string, Asked<T>>();
  const asking = new Map<string, Promise<Asked<T>>>();
  /** By key: how often in a row the question was not answered. Those of other accounts do not make anybody wait. */
  const unanswered = new Map<string, number>();

  const ask = async (key: string, question: () => Promise<T>): Promise<Asked<T>> => {
    const askedAt = momentOf(clock);
    const answer = await question();
    if (answer.unknown === undefined) {
      unanswered.delete(key);
      return { answer, askedAt };
    }
    const count = (unanswered.get(key) ?? 0) + 1;
    unanswered.delete(key);
    unanswered.set(key, count);
    dropOldest(unanswered);
    const afterSeconds = backoffMs(count, answer.unknown, BACKOFF, random()) / 1_000;
    return { answer: { ...answer, unknown: { ...answer.unknown, afterSeconds } }, askedAt };
  };

  return async (key, question) => {
    const last = known.get(key);
    if (last !== undefined && msSince(last.askedAt, clock) < freshMs(last.answer)) return last;
    const running = asking.get(key) ?? ask(key, question);
    asking.set(key, running);
    try {
      const asked = await running;
      known.delete(key);
      if (asked.answer.unknown === undefined) known.set(key, asked);
      dropOldest(known);
      return asked;
    } finally {
      asking.delete(key);
    }
  };
}

function dropOldest(kept: Map<string, unknown>): void {
  const [oldest] = kept.keys();
  if (kept.size > MAX_KNOWN && oldest !== undefined) kept.delete(oldest);
}
