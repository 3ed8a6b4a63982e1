import { Fault } from "../../host/fault.ts";
import type { Secret } from "../../host/secrets.ts";
import { decodeBase64, equalBytes, hmacSha256 } from "../signature.ts";

/**
 * Standard Webhooks, symmetric scheme `v1`: HMAC-SHA256 over `{id}.{timestamp}.{body}`.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export interface SignedContent {
  readonly id: string;
  /** As the header spells it. */
  readonly timestamp: string;
  readonly body: Uint8Array;
}

export function signatureOf({ id, timestamp, body }: SignedContent, key: Uint8Array): Buffer {
  return hmacSha256(key, [`${id}.${timestamp}.`, body]);
}

/** Whether one of `offered` is the signature. Every one is compared. */
export function isSignedBy(key: Uint8Array, content: SignedContent, offered: readonly Buffer[]): boolean {
  const expected = signatureOf(content, key);
  return offered.filter((signature) => equalBytes(signature, expected)).length > 0;
}

/**
 * The `v1` signatures of a `webhook-signature` header, or nothing when any item of it is malformed. Items of other
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

/** Bytes of the key inside a signing token. `ref` says in the fault which secret is malformed. */
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

/** Of the secrets in use, for as long as they are: decoding one strictly is a tenth of a small body's signature. */
const KEYS = new WeakMap<Secret, Buffer>();

const ITEM = /^(v\d+[a-z]*),((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/;
const SIGNATURE_BYTES = 32;
/** The specification's bounds; GitLab makes tokens of 32 bytes. */
const MIN_KEY_BYTES = 24;
const MAX_KEY_BYTES = 64;
