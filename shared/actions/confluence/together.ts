import type { ActionOutcome } from "../action.ts";

/**
 * One outcome for several pages: a retry or a wait repeats them all, and finds those done that are done. A page that is
 * given up is told at the end, when no other has anything left to do.
 */
export function togetherOf(outcomes: readonly ActionOutcome[]): ActionOutcome {
  const [only, second] = outcomes;
  if (only && !second) return only;
  const summary = outcomes.map((outcome) => outcome.summary).join("; ");
  const waits = outcomes.flatMap((outcome) => ("afterSeconds" in outcome ? (outcome.afterSeconds ?? []) : []));
  const afterSeconds = Math.max(0, ...waits);
  const retries = outcomes.filter((outcome) => outcome.outcome === "retry");
  if (retries.length > 0) {
    return {
      outcome: "retry",
      summary,
      ...(waits.length > 0 && { afterSeconds }),
      ...(retries.some(({ unknownOutcome }) => unknownOutcome) && { unknownOutcome: true }),
    };
  }
  if (outcomes.some(({ outcome }) => outcome === "wait")) return { outcome: "wait", summary, afterSeconds };
  if (outcomes.some(({ outcome }) => outcome === "give_up")) return { outcome: "give_up", summary };
  const facts = outcomes.flatMap((outcome) => (outcome.outcome === "done" ? Object.entries(outcome.facts ?? {}) : []));
  return { outcome: "done", summary, facts: Object.fromEntries(facts) };
}
