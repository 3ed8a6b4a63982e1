import { hash } from "node:crypto";
import { cut } from "./event.ts";

/**
 * Derives an id from the content that it identifies, so that no look-up is needed: the same delivery always has the
 * same id, and two writers of one action write the same record.
 *
 * The length of each part is hashed before the part, so `["ab", "c"]` and `["a", "bc"]` have different ids, and so have
 * a missing and an empty part. 130 bits of SHA-256, as 26 characters of `a–z 2–7`: valid in a URL, a log line and a
 * Kubernetes name.
 */
function idFrom(prefix: string, parts: readonly string[]): string {
  let text = `${parts.length};`;
  for (const part of parts) text += `${Buffer.byteLength(part)}:${part}`;
  return `${prefix}-${base32(hash("sha256", text, "buffer"))}`;
}

/**
 * The id of a delivery (its idempotency key), from the values that make two requests of one source the same delivery.
 */
export const deliveryIdOf = (source: string, parts: readonly string[]): string => idFrom("d", [source, ...parts]);

/** Whether an id is one of a delivery, and not one of another kind of record. */
export const isDeliveryId = (id: string): boolean => id.startsWith("d-");

/** The idempotency key of an event, from the values that make two reports of one source the same event. */
export const eventKeyOf = (source: string, type: string, parts: readonly string[]): string =>
  idFrom("e", [source, type, ...parts]);

/**
 * The key of the n-th occurrence of an event that has no instant. The first has the event's own key, so that two reports
 * of it need no look-up.
 */
export const occurrenceKeyOf = (eventKey: string, occurrence: number): string =>
  occurrence === 1 ? eventKey : idFrom("e", [eventKey, String(occurrence)]);

/** The id of the action that `route` runs for an event. */
export const actionIdOf = (route: string, eventKey: string): string => idFrom("a", [route, eventKey]);

/** The id of the approval that `route` needs for an event. */
export const approvalIdOf = (route: string, eventKey: string): string => idFrom("p", [route, eventKey]);

export const sha256Hex = (bytes: Uint8Array | string): string => hash("sha256", bytes);

/**
 * Returns a text that identifies something, at most `limit` UTF-16 code units long. A text that is not shorter than `limit`
 * becomes its beginning and a digest of the whole, exactly `limit` long: so no two texts become equal.
 */
export function boundIdentity(text: string, limit: number): string {
  if (text.length < limit) return text;
  const start = cut(text, limit - DIGEST_LENGTH);
  // As JSON, because different lone surrogates have one UTF-8 form.
  return `${start}${sha256Hex(JSON.stringify(text)).slice(0, limit - start.length)}`;
}

/** Hex digits, of which `cut` may leave room for one more. */
const DIGEST_LENGTH = 32;

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
/** The two letters of each number of ten bits. */
const PAIRS: readonly string[] = Array.from(ALPHABET).flatMap((high) => Array.from(ALPHABET, (low) => high + low));
const ID_PAIRS = 13;

/** The first 130 bits as 26 letters. */
function base32(bytes: Uint8Array): string {
  let letters = "";
  for (let pair = 0; pair < ID_PAIRS; pair++) letters += PAIRS[tenBits(bytes, pair * 10)];
  return letters;
}

/** The ten bits that begin at a position. They are in two bytes, because every position is even. */
function tenBits(bytes: Uint8Array, position: number): number {
  const at = position >>> 3;
  const two = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  return (two >>> (6 - (position & 7))) & 1_023;
}
