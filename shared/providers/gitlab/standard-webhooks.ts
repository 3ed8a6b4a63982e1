import { randomUUID } from "node:crypto";
import { epochSeconds } from "../../host/clock.ts";
import { Fault } from "../../host/fault.ts";
import type { Secret } from "../../host/secrets.ts";
import { ok, reject } from "../../model/result.ts";
import type { HmacScheme } from "../hmac-proof.ts";
import { decodeBase64, SHA256_BYTES } from "../signature.ts";

/**
 * Standard Webhooks, symmetric scheme `v1`: HMAC-SHA256 over `{id}.{timestamp}.{body}`. A resend keeps its id.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export const standardWebhooks: HmacScheme = {
  method: "standard-webhooks",
  header: "webhook-signature",
  read(headers) {
    const [id, timestamp] = [headers.get(ID), headers.get(TIMESTAMP)];
    if (!id) return reject({ reason: "credential_missing", header: ID });
    if (!timestamp) return reject({ reason: "credential_missing", header: TIMESTAMP });
    if (!/^\d{1,12}$/.test(timestamp)) return reject({ reason: "credential_malformed", header: TIMESTAMP });
    const signature = headers.get(standardWebhooks.header);
    if (signature === null) return reject({ reason: "credential_missing", header: standardWebhooks.header });
    const offered = readSignatures(signature);
    if (!offered) return reject({ reason: "credential_malformed", header: standardWebhooks.header });
    return ok({ offered, before: `${id}.${timestamp}.`, signedAt: epochSeconds(Number(timestamp)) });
  },
  write(headers, now, sign) {
    const id = headers.get(ID) ?? randomUUID();
    headers.set(ID, id);
    headers.set(TIMESTAMP, String(now));
    headers.set(standardWebhooks.header, `v1,${sign(`${id}.${now}.`).toString("base64")}`);
  },
  key: signingKey,
};

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
    const signature = decodeBase64(text, SHA256_BYTES);
    if (!signature) return undefined;
    signatures.push(signature);
  }
  return signatures;
}

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

const ITEM = /^(v\d+[a-z]*),((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/;
const ID = "webhook-id";
const TIMESTAMP = "webhook-timestamp";
/** The specification's bounds. GitLab creates tokens of 32 bytes. */
const MIN_KEY_BYTES = 24;
const MAX_KEY_BYTES = 64;
