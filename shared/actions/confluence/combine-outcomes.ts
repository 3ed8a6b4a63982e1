import type { ActionOutcome } from "../../model/action-outcome.ts";

/**
 * One outcome for several pages. To be run again, they are all run again as soon as the first of them wants to be: those
 * done find that they are, and one that Confluence asked to leave alone knows it from its board and makes no call. While
 * any page waits nothing is counted as an attempt, so that another page's failures do not use up its attempts. A page
 * that is given up is told at the end, when no other has anything left to do.
 */
export function combineOutcomes(outcomes: readonly ActionOutcome[]): ActionOutcome {
  const [only, second] = outcomes;
  if (only && !second) return only;
  const summary = outcomes.map((outcome) => outcome.summary).join("; ");
  const retries = outcomes.filter((outcome) => outcome.outcome === "retry");
  const waits = outcomes.filter((outcome) => outcome.outcome === "wait");
  if (waits.length > 0) {
    const retrySeconds = retries.map(({ afterSeconds = 0 }) => Math.max(afterSeconds, BESIDE_A_WAIT_SECONDS));
    const afterSeconds = Math.min(...waits.map((wait) => wait.afterSeconds), ...retrySeconds);
    return { outcome: "wait", summary, afterSeconds, ...(waits.some(({ isLong }) => isLong) && { isLong: true }) };
  }
  if (retries.length > 0) {
    // The delay after an attempt is used where it is longer; it is the one where none is named.
    const afterSeconds = Math.min(...retries.map((retry) => retry.afterSeconds ?? 0));
    return {
      outcome: "retry",
      summary,
      ...(afterSeconds > 0 && { afterSeconds }),
      ...(retries.some(({ unknownOutcome }) => unknownOutcome) && { unknownOutcome: true }),
    };
  }
  if (outcomes.some(({ outcome }) => outcome === "give_up")) return { outcome: "give_up", summary };
  const facts = outcomes.flatMap((outcome) => (outcome.outcome === "done" ? Object.entries(outcome.facts ?? {}) : []));
  return { outcome: "done", summary, facts: Object.fromEntries(facts) };
}

/** Least time until a page that failed is tried again beside one that waits: its delay does not grow meanwhile. */
const BESIDE_A_WAIT_SECONDS = 30;
