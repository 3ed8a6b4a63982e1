import type { BridgeEvent } from "./event.ts";

/** What a provider made of an authentic body. */
export type Reading = ReadingOf & {
  /**
   * What makes two requests the same delivery, in order; the source is added by `deliveryIdOf`. Absent: the digest of
   * the body's bytes alone. Holds no timestamp or signature of the transport, which a resend changes, and never a
   * sender's id that the signature does not cover without the digest beside it.
   */
  readonly deliveryKey?: readonly string[];
};

type ReadingOf =
  | { readonly outcome: "event"; readonly event: BridgeEvent }
  /** Authentic, understood, and nothing that the bridge publishes. `kind` is the sender's name for it. */
  | { readonly outcome: "ignored"; readonly kind: string }
  /** Authentic, and not what the sender's documentation promises. `problem` is one sentence for on-call. */
  | { readonly outcome: "unusable"; readonly problem: string };
