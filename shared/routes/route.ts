import type { ConnectedAction } from "../actions/action.ts";
import type { BusEvent } from "../model/bus-event.ts";
import type { Principal } from "../model/principal.ts";
import type { Rejection } from "../model/rejection.ts";

/** A rule, ready to run: what it matches and what it then does. */
export interface Route {
  readonly name: string;
  readonly matches: (busEvent: BusEvent) => boolean;
  /** Kind of the action: `tekton`, `confluence`. */
  readonly action: string;
  /** Name of the target. */
  readonly target: string;
  /** Why an event of this principal does not fire it, if so. */
  readonly refuse?: (principal: Pick<Principal, "roles">) => Rejection | undefined;
  /** `shadow`: it fires although it refuses. Default: enforce. */
  readonly mode?: "enforce" | "shadow";
  /** Somebody else has to let each run through. */
  readonly approval?: {
    readonly expiresMinutes: number;
    /** Roles that may. */
    readonly approvers: readonly string[];
  };
  readonly run: ConnectedAction["run"];
  /** Upper bound of one attempt. */
  readonly maxAttemptMs: number;
  /** The source that tells what became of what this route started, where there is one. */
  readonly runsReportedBy?: string;
}
