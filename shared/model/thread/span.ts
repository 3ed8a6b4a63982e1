import type { EpochMillis } from "../../host/clock.ts";
import type { DeliveryOutcome } from "../delivery-state.ts";
import type { OriginProof } from "../event.ts";
import type { RecordedDelivery } from "../recorded-delivery.ts";
import type { Tone } from "../state-words.ts";
import type { TimelineEvent } from "../timeline.ts";

/**
 * What a step is. `delivery`: received until relayed. `route`: from the match to the last line about it. `approval`, `wait`,
 * `backoff`: time in which nothing runs. `attempt`: one run of an action. `expect`: a target accepted a request, and no run
 * is reported yet. `run`, `job`, `deployment`: what a sender reports; `queued`, `running`, `paused`: the parts of a run.
 */
export const SPAN_KINDS = [
  "delivery",
  "route",
  "approval",
  "wait",
  "attempt",
  "backoff",
  "expect",
  "run",
  "queued",
  "running",
  "paused",
  "job",
  "deployment",
] as const;
export type SpanKind = (typeof SPAN_KINDS)[number];

/** One step of a thread. */
export interface Span {
  /** Unique within the thread, and the same whenever the thread is read: it follows from what the step is about. */
  readonly id: string;
  /** The step that it is part of, or that caused it. */
  readonly parent?: string;
  readonly kind: SpanKind;
  /** A short name. Names and texts of outside systems may be part of it. */
  readonly what: string;
  /** In words. */
  readonly state: string;
  readonly tone: Tone;
  readonly start: EpochMillis;
  /** Undefined while it goes on, and if its end was never reported. */
  readonly end?: EpochMillis;
  /** The delivery that has it in its record or timeline. */
  readonly delivery: string;
  readonly route?: string;
  /** The person or account. */
  readonly by?: string;
  /** How it is known: what proved the sender, or that it is only a claim. */
  readonly proof?: string;
  /** One sentence on the outcome. */
  readonly summary?: string;
  /** Its place in the system that reported it. */
  readonly url?: string;
  /** The run that it is, or is part of, as its system names it. */
  readonly run?: RunNames;
}

export interface RunNames {
  readonly system: string;
  readonly pipeline: string;
  readonly id: string;
  readonly job?: { readonly id: string; readonly name: string };
}

/** What is stored of one delivery of a thread. */
export interface ThreadDelivery {
  readonly delivery: RecordedDelivery;
  readonly timeline: readonly TimelineEvent[];
  readonly outcome: DeliveryOutcome | undefined;
  /** The runs that its targets accepted. */
  readonly runs: readonly AcceptedRun[];
  /** The delivery that caused it; undefined if none is known. */
  readonly cause?: { readonly delivery: string; readonly proof: OriginProof };
}

export interface AcceptedRun {
  readonly route: string;
  /** The id of the published event, if it is not the first event of its delivery. */
  readonly event?: string;
  readonly acceptedAt: EpochMillis;
  readonly reportedAt?: EpochMillis;
  readonly reportedBy?: string;
}

/** A wait is shown from this duration on. */
export const BRIEF_MS = 2_000;
