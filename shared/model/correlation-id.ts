import { mayBeToken } from "../host/random-text.ts";
import type { RecordedHeaders } from "./recorded-delivery.ts";

/** The form of an id that goes with a request from system to system. */
export const CORRELATION_ID = /^(?:[\da-f]{32}|(?!.*\w{20})[\w.#-]{8,64})$/i;

/** A client may choose its id, so it is kept only if it is no token: 32 hexadecimal digits, a UUID, or words and numbers. */
export const isCorrelationId = (text: string): boolean =>
  CORRELATION_ID.test(text) && (/^[\da-f]{32}$/i.test(text) || !mayBeToken(text));

/** Headers that have one. Kong's plugin correlation-id sends the last one, unless another name is configured. */
export const CORRELATION_HEADERS = [
  "x-correlation-id",
  "x-kong-request-id",
  "x-request-id",
  "kong-request-id",
] as const;

export const correlationIdsIn = (headers: RecordedHeaders = {}): readonly string[] =>
  CORRELATION_HEADERS.flatMap((name) => headers[name] ?? []);
