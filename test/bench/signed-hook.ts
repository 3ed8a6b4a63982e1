import { createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { CANARY } from "../support/http-bridge.ts";

const key = Buffer.from(CANARY.slice("whsec_".length), "base64");

/** Whether the body has GitLab's signature (Standard Webhooks), compared in constant time. */
export function isSigned(headers: IncomingHttpHeaders, body: Buffer): boolean {
  const offered = Buffer.from(String(headers["webhook-signature"]).slice("v1,".length), "base64");
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.`;
  const expected = createHmac("sha256", key).update(signed).update(body).digest();
  return offered.length === expected.length && timingSafeEqual(offered, expected);
}
