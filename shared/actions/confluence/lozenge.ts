import type { ShownBuild, ShownGate } from "../../model/board.ts";
import type { BuildState } from "../../model/event.ts";

/** A state as a page shows it. The text alone carries the meaning; Confluence shows it in capitals. */
export interface Lozenge {
  readonly colour: "Red" | "Yellow" | "Blue" | "Green" | "Grey";
  readonly title: string;
}

/** The state of a run, or of the approval that it waits or waited for. */
export function lozengeOf({ state, gate, isBehind }: Pick<ShownBuild, "state" | "gate" | "isBehind">): Lozenge {
  if (isBehind) return BEHIND;
  return gate ? OF_GATES[gate.state] : OF_RUNS[state];
}

/**
 * Whether somebody has to act on the state, or wait for it: a failure, a row that the site refused, a run that waits, and a
 * run under way. A page shows these first, and leaves none of them out.
 */
export const isUrgent = (state: Lozenge): boolean => rankOf(state) < RANKS.indexOf("PASSED");

/** The position of a state in the order of reading: failures, then what waits, then what is under way, then the rest. */
export const rankOf = ({ title }: Lozenge): number => RANKS.indexOf(title);

const OF_RUNS: Readonly<Record<BuildState, Lozenge>> = {
  queued: { colour: "Grey", title: "QUEUED" },
  running: { colour: "Blue", title: "RUNNING" },
  waiting: { colour: "Yellow", title: "WAITING" },
  succeeded: { colour: "Green", title: "PASSED" },
  failed: { colour: "Red", title: "FAILED" },
  cancelled: { colour: "Grey", title: "CANCELLED" },
  timed_out: { colour: "Red", title: "TIMED OUT" },
  skipped: { colour: "Grey", title: "SKIPPED" },
};

const OF_GATES: Readonly<Record<ShownGate["state"], Lozenge>> = {
  requested: { colour: "Yellow", title: "WAITING" },
  granted: { colour: "Green", title: "APPROVED" },
  denied: { colour: "Red", title: "DENIED" },
  withdrawn: { colour: "Grey", title: "WITHDRAWN" },
  expired: { colour: "Red", title: "EXPIRED" },
  superseded: { colour: "Grey", title: "SUPERSEDED" },
  void: { colour: "Red", title: "VOID" },
};

/** Of an environment. */
const BEHIND: Lozenge = { colour: "Grey", title: "BEHIND" };

/** Of a row that the page only names, whatever its state. */
export const NOT_SHOWN: Lozenge = { colour: "Grey", title: "NOT SHOWN" };

const RANKS: readonly string[] = [
  "FAILED",
  "TIMED OUT",
  "DENIED",
  "EXPIRED",
  "VOID",
  "NOT SHOWN",
  "WAITING",
  "RUNNING",
  "QUEUED",
  "BEHIND",
  "PASSED",
  "APPROVED",
  "CANCELLED",
  "SKIPPED",
  "WITHDRAWN",
  "SUPERSEDED",
];
