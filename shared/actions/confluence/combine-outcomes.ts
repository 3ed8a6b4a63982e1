import type { ActionOutcome } from "../../model/action-outcome.ts";

/**
 * Combines the outcomes of several pages into one. If any page has to run again, all pages run again at the earliest
 * time that one of them asks for. A page that is done makes no change then, and a page whose throttle or cooldown is
 * recorded on its board makes no call. While any page waits, no attempt is counted, so that another page's failures do
 * not use up its attempts. A page that is given up is reported at the end, when no other page has to run again.
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
    const waitsFor = [...new Set(waits.flatMap((wait) => wait.waitsFor ?? []))].join("; ");
    return {
      outcome: "wait",
      summary,
      afterSeconds,
      ...(waits.some(({ isLong }) => isLong) && { isLong: true }),
      ...(waitsFor !== "" && { waitsFor }),
    };
  }
  if (retries.length > 0) {
    // The backoff applies if it is longer, or if no page asks for a delay.
    const afterSeconds = Math.min(...retries.map((retry) => retry.afterSeconds ?? 0));
    return {
      outcome: "retry",
      summary,
      ...(afterSeconds > 0 && { afterSeconds }),
      ...(retries.some(({ unknownOutcome }) => unknownOutcome) && { unknownOutcome: true }),
      // A page that was read or written proves that the site works, whatever happened to the others.
      ...(outcomes.some(provesAnswer) && { targetAnswered: true }),
    };
  }
  if (outcomes.some(({ outcome }) => outcome === "give_up")) return { outcome: "give_up", summary };
  const facts = outcomes.flatMap((outcome) => (outcome.outcome === "done" ? Object.entries(outcome.facts ?? {}) : []));
  return { outcome: "done", summary, facts: Object.fromEntries(facts) };
}

/** Shortest time until a failed page is retried while another one waits: its backoff does not grow meanwhile. */
const BESIDE_A_WAIT_SECONDS = 30;

const provesAnswer = (outcome: ActionOutcome): boolean =>
  outcome.outcome === "retry" ? outcome.targetAnswered === true : outcome.outcome !== "wait";
