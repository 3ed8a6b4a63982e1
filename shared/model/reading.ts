import type { BridgeEvents } from "./event.ts";
import type { Rejection } from "./rejection.ts";

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
  | { readonly outcome: "event"; readonly events: BridgeEvents }
  /** Authentic and understood, but of a kind that the bridge does not publish. `kind` is the sender's name for it. */
  | { readonly outcome: "ignored"; readonly kind: string }
  /** Authentic and understood, but about something that the source's settings exclude. `subject` names it. */
  | { readonly outcome: "ignored"; readonly excludedFor: Rejection; readonly subject: string }
  /** Authentic, but not as the sender's documentation specifies. `problem` is one sentence for the engineer on call. */
  | { readonly outcome: "unusable"; readonly problem: string };
