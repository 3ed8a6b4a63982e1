import { Fault } from "../../host/fault.ts";
import type { Secret } from "../../host/secrets.ts";
import { decodeBase64, equalBytes, hmacSha256 } from "../signature.ts";

/**
 * Standard Webhooks, symmetric scheme `v1`: HMAC-SHA256 over `{id}.{timestamp}.{body}`.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export interface SignedContent {
  readonly id: string;
  /** The text of the header. */
  readonly timestamp: string;
  readonly body: Uint8Array;
}

export function signatureOf({ id, timestamp, body }: SignedContent, key: Uint8Array): Buffer {
  return hmacSha256(key, [`${id}.${timestamp}.`, body]);
}

/** Returns whether one of `offered` is the signature. All of them are compared, in constant time. */
export function isSignedBy(key: Uint8Array, content: SignedContent, offered: readonly Buffer[]): boolean {
  const expected = signatureOf(content, key);
  return offered.filter((signature) => equalBytes(signature, expected)).length > 0;
}

/**
 * Parses the `v1` signatures of a `webhook-signature` header; undefined if any item is malformed. Items of other
 * versions are skipped, so that a sender may add a new version first.
 */
export function readSignatures(header: string): readonly Buffer[] | undefined {
  const signatures: Buffer[] = [];
  for (const item of header.split(" ")) {
    const [, version, text = ""] = ITEM.exec(item) ?? [];
    if (version === undefined) return undefined;
    if (version !== "v1") continue;
    const signature = decodeBase64(text, SIGNATURE_BYTES);
    if (!signature) return undefined;
    signatures.push(signature);
  }
  return signatures;
}

/**
 * Returns the key bytes of a signing token. `ref` names the malformed secret in the fault. Throws `secret_unavailable`.
 */
export function signingKey(token: Secret, ref: string | undefined): Buffer {
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

const ITEM = /^(v\d+[a-z]*),((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/;
const SIGNATURE_BYTES = 32;
/** The specification's bounds. GitLab creates tokens of 32 bytes. */
const MIN_KEY_BYTES = 24;
const MAX_KEY_BYTES = 64;
