import { mayBeToken } from "../host/random-text.ts";
import type { RecordedHeaders } from "./recorded-delivery.ts";

/** Ids that libraries make: 16 or 32 hexadecimal digits, a ULID, and one of AWS X-Ray. */
const MADE = String.raw`[\da-f]{16}|[\da-f]{32}|[0-7][\da-hjkmnp-tv-z]{25}|1-[\da-f]{8}-[\da-f]{24}`;
const MADE_ID = new RegExp(`^(?:${MADE})$`, "i");

/** The form of an id that goes with a request from system to system. */
export const CORRELATION_ID = new RegExp(String.raw`^(?:${MADE}|(?!.*\w{20})[\w.#-]{8,64})$`, "i");

/** A client may choose its id, so it is kept only if it is no token: one of those, a UUID, or words and numbers. */
export const isCorrelationId = (text: string): boolean =>
  MADE_ID.test(text) || (CORRELATION_ID.test(text) && !mayBeToken(text));

/** Headers that have one. Kong's plugin correlation-id sends the last one, unless another name is configured. */
export const CORRELATION_HEADERS = [
  "x-correlation-id",
  "x-kong-request-id",
  "x-request-id",
  "kong-request-id",
] as const;

export const correlationIdsIn = (headers: RecordedHeaders = {}): readonly string[] =>
  CORRELATION_HEADERS.flatMap((name) => headers[name] ?? []);
