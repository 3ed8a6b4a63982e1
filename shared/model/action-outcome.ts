import type { BusEvent } from "./bus-event.ts";

/** Longest wait for which a target can ask, in seconds: a day. A longer one counts as a day. */
export const MAX_RETRY_AFTER_SECONDS = 86_400;

export interface ActionContext {
  /** The published event. */
  readonly busEvent: BusEvent;
  /** The event of the delivery that caused this event, if it was correlated with one; else the event itself. */
  readonly origin: BusEvent;
  /** Starts at 1; attempts that only waited are not counted. */
  readonly attempt: number;
  /** Aborts when the time limit of the attempt is reached. */
  readonly signal: AbortSignal;
}

/**
 * The result of an attempt. `summary` is one sentence for the timeline; `facts` are short values that are safe to show.
 */
export type ActionOutcome =
  | { readonly outcome: "done"; readonly summary: string; readonly facts?: Readonly<Record<string, string>> }
  | {
      readonly outcome: "retry";
      readonly summary: string;
      /** The wait that the target asked for; the bridge uses its own delay if that is longer. */
      readonly afterSeconds?: number;
      /** The effect may exist already. */
      readonly unknownOutcome?: boolean;
    }
  /**
   * The action must run later. This is not a failure: no wait counts as an attempt, and the timeline records it once.
   */
  | {
      readonly outcome: "wait";
      readonly summary: string;
      /** More than 0. The action runs again after 600 s at the latest, and may wait again. */
      readonly afterSeconds: number;
      /** The wait may take days: the timeline event records this wait and replaces that of an earlier wait. */
      readonly isLong?: true;
    }
  | { readonly outcome: "give_up"; readonly summary: string };
