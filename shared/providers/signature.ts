import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { type EpochMillis, type EpochSeconds, toSeconds } from "../host/clock.ts";
import type { LabelledSecret } from "../host/secrets.ts";
import type { Rejection } from "../model/rejection.ts";

/** HMAC-SHA256 over the concatenation of `parts`. A string part goes in as UTF-8. */
export function hmacSha256(key: string | Uint8Array, parts: readonly (string | Uint8Array)[]): Buffer {
  const hmac = createHmac("sha256", key);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

/** Bytes of a strict encoding of exactly `length` bytes, or nothing: stray characters are refused, never skipped. */
export function decodeHex(text: string, length: number): Buffer | undefined {
  return text.length === length * 2 && /^[0-9a-f]*$/.test(text) ? Buffer.from(text, "hex") : undefined;
}

/** Standard alphabet with padding; the one spelling that encodes back to itself. */
export function decodeBase64(text: string, length: number): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.length === length && bytes.toString("base64") === text ? bytes : undefined;
}

/** Compares in time that depends on neither content. Unequal lengths are unequal. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Compares texts of any length in constant time, through their digests, so that not even the length shows. */
export function equalSecrets(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b));
}

/** The first live secret that `check` accepts. Every secret is tried, so that time does not tell which one it was. */
export function acceptedBy(
  secrets: readonly LabelledSecret[],
  check: (secret: string) => boolean,
): LabelledSecret | undefined {
  const accepted = secrets.filter(({ secret }) => check(secret.reveal()));
  return accepted[0];
}

/** Refuses a signed time too far from now, either way: a request that was recorded cannot be sent again later. */
export function rejectStale(signedAt: EpochSeconds, now: EpochMillis): Rejection | undefined {
  const skewSeconds = toSeconds(now) - signedAt;
  if (Math.abs(skewSeconds) <= MAX_SKEW_SECONDS) return undefined;
  return { reason: "timestamp_outside_window", skewSeconds, limitSeconds: MAX_SKEW_SECONDS };
}

/** The window that Buildkite suggests and Standard Webhooks libraries use. */
const MAX_SKEW_SECONDS = 5 * 60;

const digest = (text: string): Buffer => createHash("sha256").update(text, "utf8").digest();
