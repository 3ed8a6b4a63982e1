import type { EpochMillis } from "../host/clock.ts";
import type { ApprovalState, Identity } from "./approval.ts";
import type { Rejection } from "./rejection.ts";

/** One thing that followed a delivery, for the person who asks later. Holds facts only, never a payload or a secret. */
export type TimelineEvent = { readonly at: EpochMillis } & (
  | { readonly kind: "scheduled"; readonly route: string; readonly action: string }
  /** Another delivery of the same happening came first; its action counts for both. */
  | { readonly kind: "already_scheduled"; readonly route: string; readonly action: string; readonly by: string }
  /** It is not the action's turn yet; told once, however often it waits. */
  | { readonly kind: "waiting"; readonly route: string; readonly action: string; readonly summary: string }
  | {
      readonly kind: "attempt";
      readonly route: string;
      readonly action: string;
      readonly attempt: number;
      readonly outcome: "done" | "retry" | "give_up";
      /** One sentence; for `done` what is now so, else why not. */
      readonly summary: string;
      /** The request went out and no answer came: the effect may or may not exist. */
      readonly unknownOutcome?: boolean;
      readonly durationMs: number;
      readonly nextAt?: EpochMillis;
      readonly facts?: Readonly<Record<string, string>>;
    }
  /** The roles of the event's principal do not let it fire the route. In shadow mode it fired all the same. */
  | {
      readonly kind: "denied";
      readonly route: string;
      readonly refusal: Rejection;
      readonly mode: "enforce" | "shadow";
    }
  /** One step of an approval that the route needs. `not_asked`: in shadow mode it fired without. */
  | {
      readonly kind: "approval";
      readonly route: string;
      readonly approval: string;
      readonly state: ApprovalState | "not_asked";
      readonly by?: Identity;
      readonly comment?: string;
    }
  /** What this delivery, a label or a comment on a page, decided about an approval or a rollback, or why it did not. */
  | {
      readonly kind: "decided";
      /** The approval's id; of a rollback, the route. */
      readonly about: string;
      readonly decision: "grant" | "deny" | "rollback";
      readonly by: Identity;
      readonly refusal?: Rejection;
    }
  /** Somebody had it run again, as another delivery. */
  | {
      readonly kind: "replayed";
      readonly delivery: string;
      readonly routes: readonly string[];
      readonly by: Identity;
      readonly isRollback: boolean;
    }
  /** It was not published: the bridge itself writes with the account that made it. */
  | { readonly kind: "ignored"; readonly reason: "own_account"; readonly account: string }
  /** A later delivery was traced back to this one. */
  | { readonly kind: "followed_by"; readonly delivery: string; readonly what: string }
);
