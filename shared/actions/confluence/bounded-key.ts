import { cut } from "../../model/event.ts";
import { sha256Hex } from "../../model/idempotency-keys.ts";

/** A sort key has at most 1,024 bytes, so the digest of a long key replaces its end: two long keys stay two. */
export function boundedKey(key: string): string {
  if (key.length <= MAX_KEY_LENGTH) return key;
  return `${cut(key, MAX_KEY_LENGTH - DIGEST_LENGTH)}${sha256Hex(Buffer.from(key, "utf8")).slice(0, DIGEST_LENGTH)}`;
}

/** UTF-16 code units, of at most three bytes each. */
const MAX_KEY_LENGTH = 300;
/** Hexadecimal digits. */
const DIGEST_LENGTH = 32;
