import { createHash } from "node:crypto";
import { systemClock } from "../../shared/host/clock.ts";
import { hmacSha256 } from "../../shared/providers/signature.ts";
import { pushBody } from "../bench/push-hook.ts";

/** A signed push of about 3 kB. Each `n` makes another push. */
export function gitlabWebhook(token: string, n: number): RequestInit {
  const body = pushBody({ after: createHash("sha1").update(String(n)).digest("hex") });
  const id = `webhook-${n}`;
  const timestamp = String(Math.floor(systemClock.now() / 1_000));
  const key = Buffer.from(token.slice("whsec_".length), "base64");
  const signature = hmacSha256(key, [`${id}.${timestamp}.`, body]).toString("base64");
  const headers = {
    "content-type": "application/json",
    "x-gitlab-event": "Push Hook",
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": `v1,${signature}`,
  };
  return { method: "POST", headers, body };
}
