import { createHash, timingSafeEqual } from "node:crypto";
import { type EpochMillis, type EpochSeconds, toSeconds } from "../host/clock.ts";
import type { LabelledSecret } from "../host/secrets.ts";
import type { Rejection } from "../model/rejection.ts";

/**
 * Decodes hex strictly, to exactly `length` bytes; undefined otherwise. A stray character is rejected, never skipped.
 */
export function decodeHex(text: string, length: number): Buffer | undefined {
  return text.length === length * 2 && /^[0-9a-f]*$/.test(text) ? Buffer.from(text, "hex") : undefined;
}

/** Compares in time that does not depend on the contents. Different lengths are unequal. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/**
 * Compares texts of any length in constant time, by their digests, so that the time does not reveal the length either.
 */
export function equalSecrets(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b));
}

/**
 * Returns the first live secret that `check` accepts. All secrets are tried, so that the time does not reveal which
 * one.
 */
export function acceptedBy(
  secrets: readonly LabelledSecret[],
  check: (secret: string) => boolean,
): LabelledSecret | undefined {
  const accepted = secrets.filter(({ secret }) => check(secret.reveal()));
  return accepted[0];
}

/** Rejects a signed time that is too far in the past or future, so that a captured request cannot be replayed later. */
export function rejectStale(signedAt: EpochSeconds, now: EpochMillis): Rejection | undefined {
  const skewSeconds = toSeconds(now) - signedAt;
  if (Math.abs(skewSeconds) <= MAX_SKEW_SECONDS) return undefined;
  return { reason: "timestamp_outside_window", skewSeconds, limitSeconds: MAX_SKEW_SECONDS };
}

/** The window that Buildkite recommends and Standard Webhooks libraries use. */
const MAX_SKEW_SECONDS = 5 * 60;

const digest = (text: string): Buffer => createHash("sha256").update(text, "utf8").digest();
