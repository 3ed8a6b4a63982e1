import { type EpochMillis, toSeconds } from "../../host/clock.ts";
import { hmacSha256 } from "../../host/hmac.ts";
import { type RotatingSecret, readBoth, type Secrets } from "../../host/secrets.ts";
import { signedText, signingKey, WEBHOOK_HEADERS } from "../../host/standard-webhooks.ts";

interface Message {
  /** The same for each attempt. */
  readonly id: string;
  /** Of the attempt. */
  readonly now: EpochMillis;
  readonly body: string;
}

/**
 * Returns the headers of Standard Webhooks. With a next secret there are two signatures: a receiver may use either, and
 * so the secret can be changed without an outage. Throws `secret_unavailable`.
 */
export async function webhookHeaders(
  { id, now, body }: Message,
  secret: RotatingSecret | undefined,
  secrets: Secrets,
): Promise<Readonly<Record<string, string>>> {
  const timestamp = String(toSeconds(now));
  const headers = { [WEBHOOK_HEADERS.id]: id, [WEBHOOK_HEADERS.timestamp]: timestamp };
  if (secret === undefined) return headers;
  const signatures = (await readBoth(secrets, secret)).map(({ label, secret: token }) => {
    const key = signingKey(token, secret[label] ?? secret.current);
    return `v1,${hmacSha256(key, [signedText(id, timestamp), body]).toString("base64")}`;
  });
  return { ...headers, [WEBHOOK_HEADERS.signature]: signatures.join(" ") };
}
