import { createHmac } from "node:crypto";

interface Signing {
  /** The signing token, with its `whsec_`. */
  readonly token: string;
  readonly id: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly event?: string;
}

/** Headers of a body as GitLab signs it (Standard Webhooks), without the code of the product. */
export function signedGitlabHeaders(
  body: string | Uint8Array,
  { token, id, at, event = "Push Hook" }: Signing,
): Record<string, string> {
  const timestamp = String(Math.floor(at / 1000));
  const key = Buffer.from(token.slice("whsec_".length), "base64");
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64");
  return {
    "content-type": "application/json",
    "x-gitlab-event": event,
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": `v1,${signature}`,
  };
}
