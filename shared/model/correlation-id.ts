import type { RecordedHeaders } from "./recorded-delivery.ts";

/**
 * An id that goes with a request from system to system. A client may choose it, so it is kept only in this form: 32
 * hexadecimal digits, or 8 to 64 characters without a word that is as long as a token.
 */
export const CORRELATION_ID = /^(?:[\da-f]{32}|(?!.*\w{20})[\w.#-]{8,64})$/i;

/** Headers that have one. Kong's plugin correlation-id sends the last one, unless another name is configured. */
export const CORRELATION_HEADERS = [
  "x-correlation-id",
  "x-kong-request-id",
  "x-request-id",
  "kong-request-id",
] as const;

export const correlationIdsIn = (headers: RecordedHeaders = {}): readonly string[] =>
  CORRELATION_HEADERS.flatMap((name) => headers[name] ?? []);
