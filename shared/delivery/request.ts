import type { EpochMillis } from "../host/clock.ts";

/** A request as it arrived: nothing in it is proved. Only `authenticate` may look further into one. */
export interface ReceivedRequest {
  /** Upper case. */
  readonly method: string;
  /** The address as the sender wrote it, path and query included. */
  readonly url: URL;
  /** A repeated header arrives as one value, joined by ", ": a scheme without commas refuses it. */
  readonly headers: Headers;
  /** The bytes that arrived, untouched. Signatures are computed over these and nothing else. */
  readonly body: Uint8Array;
  readonly receivedAt: EpochMillis;
  /** Ours, new for each request; the `instance` of a problem answer. */
  readonly requestId: string;
}
