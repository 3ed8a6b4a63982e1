import { randomUUID } from "node:crypto";
import { epochSeconds } from "../../host/clock.ts";
import { sha256Hex } from "../../model/idempotency-keys.ts";
import type { Rejection } from "../../model/rejection.ts";
import type { ReplayCache } from "../../store/replay-cache.ts";
import type { PresentedToken, TokenRequest } from "../presented-token.ts";
import type { TrustEntry } from "../trust-entry.ts";
import { keyOf } from "./digest.ts";

/**
 * Spends a token. It is known by what its issuer signed (RFC 7515 §5.1), so that it stays the same token in whatever way
 * its signature is written, and with or without `jti`.
 */
export async function rejectReplay(
  { token, request }: PresentedToken,
  claims: Readonly<Record<string, unknown>>,
  { clockSkewSeconds }: Pick<TrustEntry, "clockSkewSeconds">,
  replayCache: ReplayCache,
): Promise<Rejection | undefined> {
  const key = keyOf(["token", token.slice(0, token.lastIndexOf("."))]);
  // A finite number: the token's times have been checked.
  const until = epochSeconds(Math.ceil(Number(claims["exp"])) + clockSkewSeconds);
  const taken = await replayCache.take(key, useOf(request), until);
  return taken ? undefined : { reason: "token_replayed" };
}

/**
 * What a token is spent on. A delivery that is sent again because our answer got lost, or was 503, is the same use: all of
 * it must be the same, the headers included, since they may say what it is. Any other request is a use of its own.
 */
function useOf({ method, url, headers, body, repeatable }: TokenRequest): string {
  if (!repeatable) return newNonceUse();
  const sent = [...headers].filter(([name]) => !ON_THE_WAY.has(name));
  return keyOf(["request", method, url.href, sent, sha256Hex(body)]);
}

/** A use that no other is the same as; only the store's own second try of one write is. */
export const newNonceUse = (): string => randomUUID();

/** Headers that may differ between two sendings of one request and say nothing of what is sent. */
const ON_THE_WAY: ReadonlySet<string> = new Set([
  ...["authorization", "dpop", "connection", "date", "forwarded", "via", "traceparent", "tracestate"],
  ...["x-amzn-trace-id", "x-forwarded-for", "x-real-ip", "x-request-id"],
]);
