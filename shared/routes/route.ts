import type { ConnectedAction } from "../actions/action.ts";
import type { BusEntry } from "../bus/entry.ts";

/** A rule, ready to run: what it matches and what it then does. */
export interface Route {
  readonly name: string;
  readonly matches: (entry: BusEntry) => boolean;
  /** Kind of the action: `tekton`, `confluence`. */
  readonly action: string;
  /** Name of the target. */
  readonly target: string;
  readonly run: ConnectedAction["run"];
  /** Upper bound of one attempt. */
  readonly maxAttemptMs: number;
  /** The source that tells what became of what this route started, where there is one. */
  readonly runsReportedBy?: string;
}
