import type { EpochMillis } from "../host/clock.ts";
import type { BusEvent } from "./bus-event.ts";
import type { OriginProof } from "./event.ts";

/** Longest wait for which a target can ask, in seconds: a day. A longer one counts as a day. */
export const MAX_RETRY_AFTER_SECONDS = 86_400;

export interface ActionContext {
  /** The published event. */
  readonly busEvent: BusEvent;
  /** The event of the delivery that caused this event, if it was correlated with one; else the event itself. */
  readonly origin: BusEvent;
  /** How far it is known that `origin` caused the event; `proved` if it is the event itself. */
  readonly originProof: OriginProof;
  /** Starts at 1; attempts that only waited are not counted. */
  readonly attempt: number;
  /** The commit or version that people approved; undefined if the run needed no approval or nothing immutable is known. */
  readonly approvedRef?: string | undefined;
  /** Aborts when the time limit of the attempt is reached. */
  readonly signal: AbortSignal;
}

/** What the bridge expects after a target has accepted a request without an answer to whether a run starts. */
export interface RunExpectation {
  /** Milliseconds from the accepted request within which the run's first report is expected. */
  readonly withinMs: number;
  /** Whether the same request again starts no second run: the target creates each run under a fixed name. */
  readonly isRepeatable: boolean;
  /** The target's id of the request, which the reports of the run carry. */
  readonly eventId?: string;
  /** The namespace of the listener that accepted the request. */
  readonly namespace?: string;
}

/** A request that a target accepted, and whose run nobody has reported. */
export interface AcceptedRequest {
  readonly eventKey: string;
  /** The facts of its outcome. */
  readonly facts: Readonly<Record<string, string>>;
}

/** Why no attempt is made at a target for now: it is paused, or its circuit breaker is open. */
export interface TargetHold {
  readonly target: string;
  /** Identifies the pause or the outage: the timeline of an action records each of them once. */
  readonly key: string;
}

/**
 * The result of an attempt. `summary` is one sentence for the timeline; `facts` are short values that are safe to show.
 */
export type ActionOutcome =
  | {
      readonly outcome: "done";
      readonly summary: string;
      readonly facts?: Readonly<Record<string, string>>;
      /**
       * Nothing was fired. `superseded`: something newer took its place. `not_fired`: a rule or a decision of a person.
       * `nothing_to_do`: the event is about nothing that the action writes to, such as a build without a page.
       */
      readonly endedAs?: "superseded" | "not_fired" | "nothing_to_do";
      /** `superseded`: the delivery that took its place, if one did. */
      readonly supersededBy?: string;
    }
  /**
   * The target has accepted the request and queued it. It answers before it does anything, so only the source that reports
   * its runs says whether one starts.
   */
  | {
      readonly outcome: "expect_run";
      readonly summary: string;
      readonly facts?: Readonly<Record<string, string>>;
      readonly expectation: RunExpectation;
    }
  | {
      readonly outcome: "retry";
      readonly summary: string;
      /** The wait that the target asked for; the bridge uses its own delay if that is longer. */
      readonly afterSeconds?: number;
      /** The effect may exist already. */
      readonly unknownOutcome?: boolean;
      /** The target works: something else than the target was in the way. */
      readonly targetAnswered?: true;
    }
  /**
   * The action must run later. This is not a failure: no wait counts as an attempt, and the timeline records it once.
   */
  | {
      readonly outcome: "wait";
      readonly summary: string;
      /** More than 0. The action runs again after 600 s at the latest, and may wait again. */
      readonly afterSeconds: number;
      /** It runs again at this time instead, however late, unless something wakes it before. */
      readonly until?: EpochMillis;
      /**
       * It waits for a run or for something newer, which may have come before the action was stored as waiting: asked after
       * that, and the action is due at once if so.
       */
      readonly isOutdated?: () => Promise<boolean>;
      /**
       * It waits for a slot of its flow, behind the runs of these events; of none if others wait before it. The page of its
       * cause shows that.
       */
      readonly inFlow?: readonly string[];
      /** The wait may take days: the timeline event records this wait and replaces that of an earlier wait. */
      readonly isLong?: true;
      /** The target is held. The action stays due, so that it runs as soon as the hold ends. */
      readonly hold?: TargetHold;
      /** The people or the thing that it waits for; undefined for a moment's wait, which needs nobody's attention. */
      readonly waitsFor?: string;
    }
  /** `isCut`: the chain of runs that led to the event is too long. */
  | { readonly outcome: "give_up"; readonly summary: string; readonly isCut?: true };
