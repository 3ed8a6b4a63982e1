import type { EpochMillis } from "../host/clock.ts";
import type { TraceParent } from "../host/trace.ts";
import type { BridgeEvents } from "./event.ts";
import type { NamedPrincipal, Principal } from "./principal.ts";
import type { Rejection } from "./rejection.ts";

/** A recorded delivery: the head of its audit record. */
export interface RecordedDelivery {
  readonly id: string;
  readonly source: string;
  readonly provider: string;
  readonly principal: Principal;
  readonly receivedAt: EpochMillis;
  /** Id of the request that was recorded; repeated requests have other ids. */
  readonly requestId: string;
  /** Trace and span of that request. */
  readonly traceparent?: TraceParent;
  /** The span of the sender that the request named, 16 hexadecimal digits. */
  readonly callerSpan?: string;
  /** Undefined in records of earlier releases, and in the bridge's own records. */
  readonly headers?: RecordedHeaders;
  /** SHA-256 of the body's bytes, hex. */
  readonly bodyDigest: string;
  readonly bodyBytes: number;
  /** The body had a credential in a URL. The stored body and the events are without it; the digest is the original's. */
  readonly redacted?: true;
  /**
   * `refused`: the request was rejected although the signature of its token is valid. It is not a delivery; its record
   * is stored among the deliveries. `audit`: no delivery either, but a read or an order that is recorded as such, or a
   * refused read.
   */
  readonly outcome: "event" | "ignored" | "unusable" | "refused" | "audit";
  /**
   * The types of the events; `ignored`: the sender's name for it, or the reason of `refusal`; `unusable`: the problem;
   * `refused`: the reason; `audit`: what was done, with its object in `subject`.
   */
  readonly what: string;
  readonly subject?: string;
  /** Present when `outcome` is `event`. */
  readonly events?: BridgeEvents;
  /** The raw bytes; undefined if they were too large to store, or may contain somebody's credentials. */
  readonly body?: Uint8Array;
  /**
   * `refused`, and `audit` of a refused read: why the request was rejected. `ignored`, with its reason in `what`: why the
   * source's settings exclude it.
   * Otherwise the rejection that shadow mode did not enforce.
   */
  readonly refusal?: Rejection;
  /** Present if it replays an earlier delivery. */
  readonly replay?: RecordedReplay;
  /** The delivery that reported the same event before, if an action was stored for that one. */
  readonly repeats?: string;
  /** When it was published, if the outbox recorded that. */
  readonly relayedAt?: EpochMillis;
  /** Present if it is in the outbox: a sweep publishes it. */
  readonly unrelayed?: true;
}

/** The headers of a request that help to explain it, by their names in lower case. Null: it had a credential. */
export type RecordedHeaders = Readonly<Record<string, string | null>>;

/**
 * The delivery that is replayed, and the routes that run again. The principal of the new delivery asked for the replay.
 */
export interface Replay {
  readonly of: string;
  readonly routes: readonly string[];
  /** The person, if the principal is a source that many people use. */
  readonly actor?: string;
  readonly isRollback: boolean;
  /** Present if it promotes a run, or repeats a delivery that did. */
  readonly promotion?: Promotion;
  /**
   * Present if the bridge itself replays the report of a run, so that pages show when the run was last reported. Nobody
   * asked for it: the principal is that of the report, and its roles count.
   */
  readonly lastReport?: LastReport;
  /**
   * Who sent what is replayed: the principal of the first delivery, if a replay is replayed. Undefined in records of earlier
   * releases.
   */
  readonly principal?: NamedPrincipal;
}

/** Where a route deploys for an event, and what. It is recorded when somebody promotes a run, and no name is read again. */
export interface Promotion {
  /** Undefined if it is not the promotion itself, but a replay or a rollback to one that was good in `to`. */
  readonly from?: string;
  readonly to: string;
  /** The commit or version for which the promoted run was fired. */
  readonly reference?: string;
  /** The digest of the image that the promoted run reported: `sha256:` and 64 hexadecimal digits. */
  readonly digest?: string;
}

/** A replay as it is recorded. */
export interface RecordedReplay extends Replay {
  /** What the person gave as the reason. Neither member is published. */
  readonly reason?: string;
  /** Identifies the request, if the id of the delivery does not: the same request again is a duplicate. */
  readonly order?: string;
}

/** When a run that has not ended was last reported, and whether the next report was overdue when that was found out. */
export interface LastReport {
  /** ISO 8601 with `Z`. */
  readonly at: string;
  readonly isOverdue: boolean;
  /** Of one run: each change of `isOverdue` has the next number. It orders them also if a clock is set. */
  readonly turn: number;
}

/** The fields of a delivery that a list shows. */
export type DeliverySummary = Pick<
  RecordedDelivery,
  "id" | "source" | "receivedAt" | "outcome" | "what" | "subject" | "principal" | "refusal" | "repeats"
>;
