import { randomUUID } from "node:crypto";
import { epochSeconds } from "../../host/clock.ts";
import { decodeBase64, SHA256_BYTES } from "../../host/hmac.ts";
import { signedText, signingKey, WEBHOOK_HEADERS } from "../../host/standard-webhooks.ts";
import { ok, reject } from "../../model/result.ts";
import type { HmacScheme } from "../hmac-proof.ts";

/** Standard Webhooks as a scheme of a sender. */
export const standardWebhooks: HmacScheme = {
  method: "standard-webhooks",
  header: WEBHOOK_HEADERS.signature,
  read(headers) {
    const [id, timestamp] = [headers.get(WEBHOOK_HEADERS.id), headers.get(WEBHOOK_HEADERS.timestamp)];
    if (!id) return reject({ reason: "credential_missing", header: WEBHOOK_HEADERS.id });
    if (!timestamp) return reject({ reason: "credential_missing", header: WEBHOOK_HEADERS.timestamp });
    if (!/^\d{1,12}$/.test(timestamp))
      return reject({ reason: "credential_malformed", header: WEBHOOK_HEADERS.timestamp });
    const signature = headers.get(standardWebhooks.header);
    if (signature === null) return reject({ reason: "credential_missing", header: standardWebhooks.header });
    const offered = readSignatures(signature);
    if (!offered) return reject({ reason: "credential_malformed", header: standardWebhooks.header });
    return ok({ offered, before: signedText(id, timestamp), signedAt: epochSeconds(Number(timestamp)) });
  },
  write(headers, now, sign) {
    const id = headers.get(WEBHOOK_HEADERS.id) ?? randomUUID();
    headers.set(WEBHOOK_HEADERS.id, id);
    headers.set(WEBHOOK_HEADERS.timestamp, String(now));
    headers.set(standardWebhooks.header, `v1,${sign(signedText(id, String(now))).toString("base64")}`);
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

const ITEM = /^(v\d+[a-z]*),((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/;
