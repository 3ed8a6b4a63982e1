import type { EpochMillis } from "../host/clock.ts";
import type { TraceParent } from "../host/trace.ts";
import type { BridgeEvent } from "./event.ts";
import type { Principal } from "./principal.ts";
import type { Rejection } from "./rejection.ts";

/** A delivery as recorded: the head of its audit record. */
export interface RecordedDelivery {
  readonly id: string;
  readonly source: string;
  readonly provider: string;
  readonly principal: Principal;
  readonly receivedAt: EpochMillis;
  /** Id of the request that was recorded; repeats carry others. */
  readonly requestId: string;
  /** Where that request stood in a trace. */
  readonly traceparent?: TraceParent;
  /** SHA-256 of the body's bytes, hex. */
  readonly bodyDigest: string;
  readonly bodyBytes: number;
  /**
   * `refused`: a request that was not let in although its token's signature was good.
   * It is no delivery, and kept beside them.
   */
  readonly outcome: "event" | "ignored" | "unusable" | "refused";
  /** The event's type; for the other outcomes the sender's name for it, the problem, or the reason. */
  readonly what: string;
  readonly subject?: string;
  /** Present when `outcome` is `event`. */
  readonly event?: BridgeEvent;
  /** The raw bytes; absent when they were too large to keep. */
  readonly body?: Uint8Array;
  /** Why it was refused; for any other outcome, why shadow mode would have refused it. */
  readonly refusal?: Rejection;
  /** Present where it is an earlier delivery that somebody has run again. */
  readonly replay?: Replay;
  /** When it was published, where the outbox says so. */
  readonly relayedAt?: EpochMillis;
  /** It is in the outbox: a sweep publishes it. */
  readonly unrelayed?: true;
}

/** What is run again, and for which routes; who did it is the delivery's principal. */
export interface Replay {
  readonly of: string;
  readonly routes: readonly string[];
  /** The person, where the principal is a source that many stand behind. */
  readonly actor?: string;
  readonly isRollback: boolean;
}

/** What a list shows of a delivery. */
export type DeliverySummary = Pick<
  RecordedDelivery,
  "id" | "source" | "receivedAt" | "outcome" | "what" | "subject" | "principal" | "refusal"
>;
