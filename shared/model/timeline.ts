import type { EpochMillis } from "../host/clock.ts";
import type { ApprovalState, GrantingRule, Identity } from "./approval.ts";
import type { ApprovalProgress } from "./event.ts";
import type { Rejection } from "./rejection.ts";

/**
 * One event in the history of a delivery, for later questions. Holds only facts, never a payload or a secret. A line about
 * a route has `event`, the id of the published event, if it is not the first event of its delivery.
 */
export type TimelineEvent = { readonly at: EpochMillis } & (
  | {
      readonly kind: "scheduled";
      readonly route: string;
      readonly event?: string;
      readonly action: string;
      /** From 2 on: the number of an undated event among those with its key on which the route acted. */
      readonly occurrence?: number;
    }
  /** An earlier delivery of the same event has scheduled the action, which counts for both. */
  | {
      readonly kind: "already_scheduled";
      readonly route: string;
      readonly event?: string;
      readonly action: string;
      readonly by: string;
    }
  /** The action must run later; recorded once, even if it waits several times. */
  | {
      readonly kind: "waiting";
      readonly route: string;
      readonly event?: string;
      readonly action: string;
      readonly summary: string;
      /** The people or the thing that it waits for; undefined for a moment's wait. */
      readonly waitsFor?: string;
    }
  | {
      readonly kind: "attempt";
      readonly route: string;
      readonly event?: string;
      readonly action: string;
      readonly attempt: number;
      /** `accepted`: the target queued the request, and the report of a run is expected. */
      readonly outcome: "done" | "accepted" | "retry" | "give_up";
      /** One sentence: for `done` the result, else the reason. */
      readonly summary: string;
      /** The request was sent and no response arrived: the effect may or may not exist. */
      readonly unknownOutcome?: boolean;
      readonly durationMs: number;
      readonly nextAt?: EpochMillis;
      readonly facts?: Readonly<Record<string, string>>;
      /** `done`, and nothing was fired: see `action-outcome.ts`. */
      readonly endedAs?: "superseded" | "not_fired" | "nothing_to_do";
      readonly supersededBy?: string;
    }
  /**
   * The run that the target's acceptance led to expect. `missing`: no run was reported in time. `not_created`: the listener
   * reports that it created nothing. `reported`: a run was reported after all. The first report in time has no line: the
   * action's own record has its time.
   */
  | {
      readonly kind: "run";
      readonly route: string;
      readonly event?: string;
      readonly action: string;
      readonly state: "missing" | "not_created" | "reported";
      readonly summary: string;
    }
  /**
   * The run of the route is cancelled for `by`, the id of an event that is newer in its flow. `asked`: the process in the
   * cluster gets to know it. `left`: too many runs are being cancelled already, so it ends by itself. `failed`: that process
   * could not cancel it yet. `cancelled`: it was reported as cancelled.
   */
  | {
      readonly kind: "cancel";
      readonly route: string;
      readonly event?: string;
      readonly action: string;
      readonly state: "asked" | "left" | "failed" | "cancelled";
      readonly by: string;
      readonly summary: string;
    }
  /** The roles of the event's principal do not allow it to fire the route. In shadow mode the route fired anyway. */
  | {
      readonly kind: "denied";
      readonly route: string;
      readonly event?: string;
      readonly refusal: Rejection;
      readonly mode: "enforce" | "shadow";
    }
  /** Not fired: it would have made a chain of runs, each started because of the one before, longer than `hops`. */
  | {
      readonly kind: "cut";
      readonly route: string;
      readonly event?: string;
      readonly action: string;
      readonly hops: number;
    }
  /**
   * One step of an approval that the route needs. `not_asked`: in shadow mode the route fired without approval.
   * `partly_granted`: one of several people has granted it. `would_grant`: a rule in shadow mode would have granted it.
   */
  | {
      readonly kind: "approval";
      readonly route: string;
      readonly event?: string;
      readonly approval: string;
      readonly state: ApprovalState | "not_asked" | "partly_granted" | "would_grant";
      readonly by?: Identity;
      readonly comment?: string;
      /** `superseded`, `void`: what has changed, as a clause. */
      readonly endedFor?: string;
      /** After the step, if several people have to grant it. */
      readonly progress?: ApprovalProgress;
      /** The target whose site confirmed the reference of a grant. */
      readonly verifiedWith?: string;
      /** The grant was by an emergency role: enough alone, and outside the windows. */
      readonly emergency?: true;
      /** The grant was by a rule of the route: enough alone. */
      readonly rule?: GrantingRule;
    }
  /**
   * The decision of this delivery (a label or a comment on a page) about an approval or a rollback, or its rejection.
   */
  | {
      readonly kind: "decided";
      /** The id of the approval; for a rollback and a promotion, the route; for an order, its name. */
      readonly about: string;
      readonly decision: "grant" | "deny" | "rollback" | "promote" | "order";
      readonly by: Identity;
      readonly refusal?: Rejection;
    }
  /** The delivery was replayed as another delivery. */
  | {
      readonly kind: "replayed";
      readonly delivery: string;
      readonly routes: readonly string[];
      readonly by: Identity;
      readonly isRollback: boolean;
      /** The environment, if it promotes the run that the delivery fired. */
      readonly promotedTo?: string;
      /** What the person gave as the reason. */
      readonly reason?: string;
    }
  /** It was not published: the bridge itself writes with the account that made it. */
  | { readonly kind: "ignored"; readonly reason: "own_account"; readonly account: string }
  /** The run exchanged its token for one of an upstream. Of equal exchanges, the last one. */
  | { readonly kind: "token_exchanged"; readonly upstream: string; readonly scope: string; readonly by: Identity }
  /**
   * A later delivery was correlated with this one. `claimed`: nothing proves that this one caused it. `isReplay`: it replays
   * an earlier one, so its sender reported nothing then.
   */
  | {
      readonly kind: "followed_by";
      readonly delivery: string;
      readonly what: string;
      readonly claimed?: true;
      readonly isReplay?: true;
    }
);

/** The member `event` of a timeline line about this published event. */
export const eventIn = ({ id, delivery }: { readonly id: string; readonly delivery: string }) =>
  id === delivery ? {} : { event: id };
