import type { RotatingSecret } from "../host/secrets.ts";
import type { AcceptedRequest, ActionContext, ActionOutcome } from "../model/action-outcome.ts";
import type { BusEvent } from "../model/bus-event.ts";
import type { FlowOptions } from "../model/flow.ts";
import type { Rejection } from "../model/rejection.ts";

/**
 * The default of a target's `staleAfterMinutes`. Tekton ends a run after 60 minutes by default, and reports no progress.
 */
export const STALE_AFTER_MINUTES = 90;

/** A configured route: the events that it matches and the action that it runs. */
export interface Route {
  readonly name: string;
  readonly matches: (busEvent: BusEvent) => boolean;
  /** Kind of the action: `tekton`, `confluence`. */
  readonly action: string;
  /** Name of the target. */
  readonly target: string;
  /**
   * The reason why the event must not fire the route: its principal has no role for it, or its order is not declared so any
   * more. Undefined if it may. `mode`: that of the route for a role; an order that is gone is never excused.
   */
  readonly reject: (
    busEvent: Pick<BusEvent, "detail">,
  ) => Promise<{ readonly rejection: Rejection; readonly mode: "enforce" | "shadow" } | undefined>;
  /** The reason why the route must not fire for an event that the agent `act` asked to run again; undefined if it may. */
  readonly rejectAgent: (act: string, busEvent: Pick<BusEvent, "detail">) => Promise<Rejection | undefined>;
  /** `shadow`: the route fires although it rejects the principal, and the timeline says so. */
  readonly mode: "enforce" | "shadow";
  /** Present if another person must approve each run. */
  readonly approval?: {
    readonly expiresMinutes: number;
    /** Minutes after the request at which people are reminded, in ascending order. */
    readonly remindMinutes?: readonly number[] | undefined;
    /** Roles that may approve the run of an event. */
    readonly approvers: (busEvent: Pick<BusEvent, "detail">) => readonly string[];
  };
  /** How the runs of events with the same key follow each other. Undefined: each event runs by itself. */
  readonly flow?: FlowOptions;
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
  /** After this time without a report, in milliseconds, a run that has not ended is shown as stale. Undefined: never. */
  readonly runsStaleAfterMs?: number;
  /** As `ConnectedAction.explainMissingRun`. */
  readonly explainMissingRun?: (request: AcceptedRequest) => string;
  /** The environments in the order in which a run is promoted; undefined if none can be. */
  readonly environments?: readonly string[];
  /** The key of the proofs that those runs carry; undefined if nothing proves that the bridge asked for a run. */
  readonly originKey?: RotatingSecret;
}
