import type { EpochMillis } from "../host/clock.ts";

/** Failed cancellations in one call. A process may have more of them: each of its sources can have as many. */
export const MAX_REPORTED_FAILURES = 100;

/** Runs of one source that are being cancelled at a time. They are one item, which stays below 100 KB. */
export const MAX_CANCELS = 100;

/** A run that a process in its cluster has to cancel, because something newer in its flow waits for it. */
export interface RunCancel {
  /** The action that started the run. */
  readonly action: string;
  readonly route: string;
  /** Kind of the action. */
  readonly kind: string;
  /** The delivery that the action is of. */
  readonly delivery: string;
  /** The id of the published event, if it is not the first event of the delivery. */
  readonly event?: string;
  /** Name of the run. */
  readonly run: string;
  /** Where the run can be: exact names, or `ci-*`. */
  readonly namespaces: readonly string[];
  /** The id of the newer event: that of its delivery, if it is the first event of it. */
  readonly by: string;
  /** The slot of the run is free then, and nobody tries any more. */
  readonly until: EpochMillis;
  /** Why the last try failed. */
  readonly problem?: string;
}
