import type { EpochMillis } from "../host/clock.ts";
import type { ApprovalState, Identity } from "./approval.ts";
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
    }
  | {
      readonly kind: "attempt";
      readonly route: string;
      readonly event?: string;
      readonly action: string;
      readonly attempt: number;
      readonly outcome: "done" | "retry" | "give_up";
      /** One sentence: for `done` the result, else the reason. */
      readonly summary: string;
      /** The request was sent and no response arrived: the effect may or may not exist. */
      readonly unknownOutcome?: boolean;
      readonly durationMs: number;
      readonly nextAt?: EpochMillis;
      readonly facts?: Readonly<Record<string, string>>;
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
  /** One step of an approval that the route needs. `not_asked`: in shadow mode the route fired without approval. */
  | {
      readonly kind: "approval";
      readonly route: string;
      readonly event?: string;
      readonly approval: string;
      readonly state: ApprovalState | "not_asked";
      readonly by?: Identity;
      readonly comment?: string;
    }
  /**
   * The decision of this delivery (a label or a comment on a page) about an approval or a rollback, or its rejection.
   */
  | {
      readonly kind: "decided";
      /** The id of the approval; for a rollback, the route. */
      readonly about: string;
      readonly decision: "grant" | "deny" | "rollback";
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
    }
  /** It was not published: the bridge itself writes with the account that made it. */
  | { readonly kind: "ignored"; readonly reason: "own_account"; readonly account: string }
  /** A later delivery was correlated with this one. */
  | { readonly kind: "followed_by"; readonly delivery: string; readonly what: string }
);

/** The member `event` of a timeline line about this published event. */
export const eventIn = ({ id, delivery }: { readonly id: string; readonly delivery: string }) =>
  id === delivery ? {} : { event: id };
