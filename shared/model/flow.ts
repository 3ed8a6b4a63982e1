import type { EpochMillis } from "../host/clock.ts";

/** `flow` of a route, as written. Its schema, and what the keys mean, are in `routes/flow.ts`. */
export interface FlowOptions {
  readonly key: string;
  readonly quiet?: string | undefined;
  readonly most?: string | undefined;
  readonly running?: number | undefined;
  readonly then?: "newest" | "queue" | "cancel" | undefined;
}

/** How the runs of a route that have the same key follow each other. */
export interface FlowSettings {
  /** A template, as in the options of an action. The actions of events with the same text are in one flow. */
  readonly key: string;
  /** Milliseconds without a newer event until the newest one goes on; 0: at once. */
  readonly quietMs: number;
  /** Longest time in milliseconds for which newer events can defer this. Undefined: no limit. */
  readonly mostMs?: number;
  /** Runs at once. Undefined: no limit. */
  readonly running?: number;
  /** What waits while these run: only the newest action, or each in the order of its delivery. */
  readonly waiting: "newest" | "queue";
  /** The run that goes on is cancelled for the newest. */
  readonly cancels?: true;
}

/** Identifies a flow: a route, and the text of its key. */
export interface FlowId {
  readonly route: string;
  readonly key: string;
}

/** An action in a flow. */
export interface FlowEntry {
  readonly action: string;
  readonly delivery: string;
  /** The id of the published event, if it is not the first event of the delivery. */
  readonly event?: string;
  readonly receivedAt: EpochMillis;
}

/** The time in which newer events defer the run of the newest one. It ends when that one goes on. */
export interface QuietWindow {
  readonly firstAt: EpochMillis;
  readonly lastAt: EpochMillis;
  /** Events in it, with the newest. */
  readonly entries: number;
}

/** The place of a run that was started, or may have been. */
export interface FlowSlot {
  readonly action: string;
  readonly delivery: string;
  /** When `freeAt` was set. */
  readonly since: EpochMillis;
  /** It is free at this time, even if the end of its run is never reported. */
  readonly freeAt: EpochMillis;
  /** A request of the action may have started a run, and no later answer says that there is none. */
  readonly mayRun?: true;
  /** As in {@link FlowEntry}. Absent in records of earlier releases. */
  readonly event?: string;
  /** Names the run, with the route. Present if something newer may cancel it. */
  readonly eventKey?: string;
}

/** What is stored about a flow. */
export interface FlowState {
  /** The newest action that asked to go on. Undefined if each action is run. */
  readonly newest?: FlowEntry;
  /** Undefined if nothing waits for quiet. */
  readonly window?: QuietWindow;
  /** When the window began from which the newest went on, with `most` and `running`; until it has a slot. */
  readonly deferredSince?: EpochMillis;
  readonly slots: readonly FlowSlot[];
  /** The actions that asked for a slot while none was free, in their order. */
  readonly waiting: readonly FlowEntry[];
}

export const EMPTY_FLOW: FlowState = { slots: [], waiting: [] };
