import type { TimelineEvent } from "../model/timeline.ts";

/** A timeline event with its times in ISO 8601. */
export type ShownTimelineEvent = WithIsoTimes<TimelineEvent>;
type WithIsoTimes<T> = T extends unknown ? { [K in keyof T]: K extends "at" | "nextAt" ? string : T[K] } : never;

/** A line about one route. */
export type RouteLine = Extract<ShownTimelineEvent, { readonly route: string }>;
