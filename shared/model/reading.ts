import type { BridgeEvents } from "./event.ts";
import type { Rejection } from "./rejection.ts";

/** What a run says about its origin, before anything of it is believed. */
export interface PresentedProof {
  readonly delivery: string;
  readonly namespace: string;
  /** The name of the run; of the run that it is part of, for a task. */
  readonly run: string;
  /** The uid of that run; undefined if a task does not name it. */
  readonly uid?: string;
  /** Whether a task of the run presents it. */
  readonly isOfTask: boolean;
  readonly proof: string;
}

/** The result of parsing an authentic body. */
export type Reading = ReadingOf & {
  /**
   * The ordered values that make two requests the same delivery: the input of its idempotency key. `deliveryIdOf` adds
   * the source. Default: only the digest of the body. Contains no timestamp or signature of the transport, because a
   * resend changes these, and contains an id that the signature does not cover only together with the digest.
   */
  readonly deliveryKey?: readonly string[];
  /** Present if the body may contain somebody's credentials: then it is not stored. */
  readonly bodyHasSecrets?: true;
};

type ReadingOf =
  | {
      readonly outcome: "event";
      readonly events: BridgeEvents;
      /** Present if the event carries a proof of its origin. It is checked at receipt, and not recorded. */
      readonly originProof?: PresentedProof;
    }
  /**
   * Authentic and understood, but of a kind that the bridge does not publish. `kind` is the sender's name for it, and
   * `subject` what it is about, if somebody looks for that.
   */
  | { readonly outcome: "ignored"; readonly kind: string; readonly subject?: string }
  /** Authentic and understood, but about something that the source's settings exclude. `subject` names it. */
  | { readonly outcome: "ignored"; readonly excludedFor: Rejection; readonly subject: string }
  /** Authentic, but not as the sender's documentation specifies. `problem` is one sentence for the engineer on call. */
  | { readonly outcome: "unusable"; readonly problem: string };
