import { createHash } from "node:crypto";

/**
 * Derives an id from the content that it identifies, so that no look-up is needed: the same delivery always has the
 * same id, and two writers of one action write the same record.
 *
 * The length of each part is hashed before the part, so `["ab", "c"]` and `["a", "bc"]` have different ids, and so have
 * a missing and an empty part. 130 bits of SHA-256, as 26 characters of `a–z 2–7`: valid in a URL, a log line and a
 * Kubernetes name.
 */
function idFrom(prefix: string, parts: readonly string[]): string {
  const hash = createHash("sha256").update(`${parts.length};`);
  for (const part of parts) {
    const bytes = Buffer.from(part, "utf8");
    hash.update(`${bytes.length}:`).update(bytes);
  }
  return `${prefix}-${base32(hash.digest()).slice(0, 26)}`;
}

/**
 * The id of a delivery (its idempotency key), from the values that make two requests of one source the same delivery.
 */
export const deliveryIdOf = (source: string, parts: readonly string[]): string => idFrom("d", [source, ...parts]);

/** The idempotency key of an event, from the values that make two reports of one source the same event. */
export const eventKeyOf = (source: string, type: string, parts: readonly string[]): string =>
  idFrom("e", [source, type, ...parts]);

/** The id of the action that `route` runs for an event. */
export const actionIdOf = (route: string, eventKey: string): string => idFrom("a", [route, eventKey]);

/** The id of the approval that `route` needs for an event. */
export const approvalIdOf = (route: string, eventKey: string): string => idFrom("p", [route, eventKey]);

export const sha256Hex = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

function base32(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(held >>> (bits - 5)) & 31];
    held &= (1 << bits) - 1;
  }
  return text;
}
