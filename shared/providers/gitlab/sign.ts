import { randomUUID } from "node:crypto";
import { toSeconds } from "../../host/clock.ts";
import type { RotatingSecret } from "../../host/secrets.ts";
import type { ProviderDeps, UnsignedRequest } from "../provider.ts";
import { signatureOf, signingKey } from "./standard-webhooks.ts";

/**
 * Returns the headers of a hook with these tokens. GitLab sends both if both are set. A resend keeps its `webhook-id`.
 */
export async function sign(
  { headers: unsigned, body }: UnsignedRequest,
  {
    signingToken,
    token,
  }: { readonly signingToken: RotatingSecret | undefined; readonly token: RotatingSecret | undefined },
  { secrets, clock }: Pick<ProviderDeps, "secrets" | "clock">,
): Promise<Headers> {
  const headers = new Headers(unsigned);
  if (token) headers.set("x-gitlab-token", (await secrets.read(token.current)).reveal());
  if (!signingToken) return headers;
  const id = headers.get("webhook-id") ?? randomUUID();
  const timestamp = String(toSeconds(clock.now()));
  const key = signingKey(await secrets.read(signingToken.current), signingToken.current);
  headers.set("webhook-id", id);
  headers.set("webhook-timestamp", timestamp);
  headers.set("webhook-signature", `v1,${signatureOf({ id, timestamp, body }, key).toString("base64")}`);
  return headers;
}
