import type { ActionContext, ActionOutcome } from "../model/action-outcome.ts";
import type { BusEvent } from "../model/bus-event.ts";
import type { Principal } from "../model/principal.ts";
import type { Rejection } from "../model/rejection.ts";

/** A configured route: the events that it matches and the action that it runs. */
export interface Route {
  readonly name: string;
  readonly matches: (busEvent: BusEvent) => boolean;
  /** Kind of the action: `tekton`, `confluence`. */
  readonly action: string;
  /** Name of the target. */
  readonly target: string;
  /** The reason why an event of this principal must not fire the route; undefined if it may. */
  readonly reject: (principal: Pick<Principal, "roles">) => Rejection | undefined;
  /** `shadow`: the route fires although it rejects the principal, and the timeline says so. */
  readonly mode: "enforce" | "shadow";
  /** Present if another person must approve each run. */
  readonly approval?: {
    readonly expiresMinutes: number;
    /** Roles that may approve. */
    readonly approvers: readonly string[];
  };
  /** The values that the action is given for an event; undefined if it has no parameters. */
  readonly params?: (busEvent: BusEvent) => Readonly<Record<string, string>>;
  /** Idempotent by (route, event key): a repeat must be harmless. Throws only a retryable Fault. */
  readonly run: (context: ActionContext) => Promise<ActionOutcome>;
  /** Upper bound of one attempt. */
  readonly maxAttemptMs: number;
  /** As `Action.showsSummaries`. */
  readonly showsSummaries?: true;
  /** The source that reports the runs that this route starts; undefined if none is configured. */
  readonly runsReportedBy?: string;
  /** The namespaces of those runs; undefined if only the listener's answer names one. */
  readonly runNamespaces?: readonly string[];
}
