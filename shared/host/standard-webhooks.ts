import { Fault } from "./fault.ts";
import { decodeBase64 } from "./hmac.ts";
import type { Secret } from "./secrets.ts";

/**
 * The headers of Standard Webhooks. With the symmetric scheme `v1`, the signature is HMAC-SHA256 over
 * {@link signedText} and the body. A message that is sent again keeps its id.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export const WEBHOOK_HEADERS = {
  id: "webhook-id",
  timestamp: "webhook-timestamp",
  signature: "webhook-signature",
} as const;

/** Returns the text that is signed before the body. */
export const signedText = (id: string, timestamp: string): string => `${id}.${timestamp}.`;

/**
 * Returns the key bytes of a signing token. `ref` names the malformed secret in the fault. Throws `secret_unavailable`.
 */
export function signingKey(token: Secret, ref: string): Buffer {
  const known = KEYS.get(token);
  if (known) return known;
  const [, text = ""] = /^whsec_(.*)$/s.exec(token.reveal()) ?? [];
  const length = Buffer.byteLength(text, "base64");
  const key = decodeBase64(text, length);
  if (key && length >= MIN_KEY_BYTES && length <= MAX_KEY_BYTES) {
    KEYS.set(token, key);
    return key;
  }
  const want = `"whsec_" and ${MIN_KEY_BYTES} to ${MAX_KEY_BYTES} bytes in base64`;
  throw new Fault("secret_unavailable", `secret ${ref}: it is not a signing token, which is ${want}`, {
    retryable: true,
  });
}

/** A cache of decoded keys: strict decoding costs a tenth of the signature of a small body. */
const KEYS = new WeakMap<Secret, Buffer>();

/** The specification's bounds. GitLab creates tokens of 32 bytes. */
const MIN_KEY_BYTES = 24;
const MAX_KEY_BYTES = 64;
