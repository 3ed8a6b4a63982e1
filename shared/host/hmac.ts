import { createHmac } from "node:crypto";

/** Length of an HMAC-SHA256. */
export const SHA256_BYTES = 32;

/** HMAC-SHA256 over the concatenation of `parts`. A string part is encoded as UTF-8. */
export function hmacSha256(key: string | Uint8Array, parts: readonly (string | Uint8Array)[]): Buffer {
  const hmac = createHmac("sha256", key);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

/**
 * Decodes base64 strictly: the standard alphabet with padding, and only the canonical encoding; undefined otherwise.
 */
export function decodeBase64(text: string, length: number): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.length === length && bytes.toString("base64") === text ? bytes : undefined;
}
