import { createHash } from "node:crypto";
import { systemClock } from "../../shared/host/clock.ts";
import { pushBody } from "../bench/push-hook.ts";
import { signedGitlabHeaders } from "./gitlab-signature.ts";

/** A signed push of about 3 kB. Each `n` makes another push. */
export function gitlabWebhook(token: string, n: number): RequestInit {
  const body = pushBody({ after: createHash("sha1").update(String(n)).digest("hex") });
  const headers = signedGitlabHeaders(body, { token, id: `webhook-${n}`, at: systemClock.now() });
  return { method: "POST", headers, body };
}
