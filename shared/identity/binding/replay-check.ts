import { randomUUID } from "node:crypto";
import { epochSeconds } from "../../host/clock.ts";
import { sha256Hex } from "../../model/idempotency-keys.ts";
import type { Rejection } from "../../model/rejection.ts";
import type { ReplayCache } from "../../store/replay-cache.ts";
import type { PresentedToken, TokenRequest } from "../presented-token.ts";
import type { TrustEntry } from "../trust-entry.ts";
import { keyOf } from "./digest.ts";

/**
 * Uses up a single-use token. The token is identified by its signing input (RFC 7515 §5.1), so that it is the same
 * token for every encoding of its signature, and with or without `jti`.
 */
export async function rejectReplay(
  { token, request }: PresentedToken,
  claims: Readonly<Record<string, unknown>>,
  { clockSkewSeconds }: Pick<TrustEntry, "clockSkewSeconds">,
  replayCache: Pick<ReplayCache, "take">,
): Promise<Rejection | undefined> {
  const key = keyOf(["token", token.slice(0, token.lastIndexOf("."))]);
  // `exp` is a finite number, because the times of the token were checked before.
  const until = epochSeconds(Math.ceil(Number(claims["exp"])) + clockSkewSeconds);
  const taken = await replayCache.take(key, useOf(request), until);
  return taken ? undefined : { reason: "token_replayed" };
}

/**
 * Identifies the use of a token. A delivery that is sent again because the response was lost or was 503 is the same
 * use: it must be equal in everything, including the headers, because they may define its meaning. Any other request is
 * a new use.
 */
function useOf({ method, url, headers, body, repeatable }: TokenRequest): string {
  if (!repeatable) return newNonceUse();
  const sent = [...headers].filter(([name]) => !TRANSPORT_HEADERS.has(name));
  return keyOf(["request", method, url.href, sent, sha256Hex(body)]);
}

/** Returns a unique use. Only a retry of the same write inside the store is equal to it. */
export const newNonceUse = (): string => randomUUID();

/** Headers that may differ between two transmissions of one request and do not affect its meaning. */
const TRANSPORT_HEADERS: ReadonlySet<string> = new Set([
  "authorization",
  "dpop",
  "connection",
  "date",
  "forwarded",
  "via",
  "traceparent",
  "tracestate",
  "x-amzn-trace-id",
  "x-forwarded-for",
  "x-real-ip",
  "x-request-id",
]);
