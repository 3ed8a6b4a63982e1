import type { EpochMillis } from "../host/clock.ts";
import type { TraceParent } from "../host/trace.ts";

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
  /** The certificate that the caller proved to hold in the TLS handshake, DER; absent where there was none. */
  readonly clientCertificate?: Uint8Array;
  /** Set where the very same request again is the same delivery, and so changes nothing. */
  readonly repeatable?: boolean;
  readonly receivedAt: EpochMillis;
  /** Ours, new for each request; the `instance` of a problem answer. */
  readonly requestId: string;
  /** Where it stands in a trace; absent where nothing is traced. A hint: nothing is decided by it. */
  readonly traceparent?: TraceParent;
}
