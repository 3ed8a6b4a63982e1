import type { EpochMillis } from "../host/clock.ts";
import type { TraceParent } from "../host/trace.ts";

/** A request as it arrived, with no part of it proved. Only `authenticate` may read its content. */
export interface ReceivedRequest {
  /** Upper case. */
  readonly method: string;
  /** The URL as the sender wrote it, including path and query. */
  readonly url: URL;
  /** A repeated header is one value joined by ", ": a scheme without commas rejects it. */
  readonly headers: Headers;
  /** The bytes that arrived, unchanged. Signatures are computed only over these. */
  readonly body: Uint8Array;
  /** The client certificate that was proved in the TLS handshake, DER; undefined if there was none. */
  readonly clientCertificate?: Uint8Array;
  /** True if an identical repeat of the request is the same delivery and changes nothing. */
  readonly repeatable?: boolean;
  readonly receivedAt: EpochMillis;
  /** The bridge's own id, new for each request; the `instance` of a problem response. */
  readonly requestId: string;
  /** Trace and span of the request; undefined if it is not traced. A hint: no decision depends on it. */
  readonly traceparent?: TraceParent;
  /** The span of the caller in that trace, 16 hexadecimal digits; undefined if the caller named none. A hint, too. */
  readonly callerSpan?: string | undefined;
  /** Called for each rate limit that the request was counted for. The headers of the response name what is left. */
  readonly counted?: (usage: RateUsage) => void;
}

/** What a rate limit has left in the present minute. */
export interface RateUsage {
  readonly limit: number;
  readonly remaining: number;
  /** Until the next minute: 1 to 60. */
  readonly resetSeconds: number;
}
