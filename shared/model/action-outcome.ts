import type { BusEvent } from "./bus-event.ts";

export interface ActionContext {
  /** The event as published. */
  readonly busEvent: BusEvent;
  /** The delivery that caused it all, where this event was traced back to one; else the event's own. */
  readonly origin: BusEvent;
  /** Starts at 1; those that only waited are not counted. */
  readonly attempt: number;
  /** Aborts when the attempt's time is over. */
  readonly signal: AbortSignal;
}

/** `summary` is one sentence for the timeline; `facts` are short values beside it, safe to show. */
export type ActionOutcome =
  | { readonly outcome: "done"; readonly summary: string; readonly facts?: Readonly<Record<string, string>> }
  | {
      readonly outcome: "retry";
      readonly summary: string;
      /** What the target asked us to wait; the bridge's own delay is used when it is longer. */
      readonly afterSeconds?: number;
      /** The effect may exist already. */
      readonly unknownOutcome?: boolean;
    }
  /** Not its turn yet. This is no failure: it counts as no attempt, however often, and the timeline tells it once. */
  | {
      readonly outcome: "wait";
      readonly summary: string;
      /** More than 0. After 600 at the latest the action is run again, and may say once more that it waits. */
      readonly afterSeconds: number;
      /** It may take days: the timeline's line tells of this, and no longer of a wait before it. */
      readonly isLong?: true;
    }
  | { readonly outcome: "give_up"; readonly summary: string };
