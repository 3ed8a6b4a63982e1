import { createHash } from "node:crypto";

/**
 * Ids made from what they stand for, so that finding a thing again needs no look-up: the same delivery always has the
 * same id, and two writers of one action meet at the same record.
 *
 * Each part goes in with its length in front: `["ab", "c"]` and `["a", "bc"]` never meet, nor does a missing part with
 * an empty one next to it. 130 bits of SHA-256, as 26 letters of `a–z 2–7`: fit for a URL, a log line and a
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

/** The id of a delivery, from what makes two requests of one source the same delivery. */
export const deliveryIdOf = (source: string, parts: readonly string[]): string => idFrom("d", [source, ...parts]);

/** The key of an event, from what makes two tellings by one source the same happening. */
export const eventKeyOf = (source: string, type: string, parts: readonly string[]): string =>
  idFrom("e", [source, type, ...parts]);

/** The id of the action that `route` runs for an event. */
export const actionIdOf = (route: string, eventKey: string): string => idFrom("a", [route, eventKey]);

/** The id of the approval that `route` needs for an event. */
export const approvalIdOf = (route: string, eventKey: string): string => idFrom("p", [route, eventKey]);

export const sha256Hex = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

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
