import { GetWebIdentityTokenCommand, STSClient } from "@aws-sdk/client-sts";
import { epochMillis } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { Secret } from "../host/secrets.ts";
import type { OutboundToken } from "../outbound/issuer.ts";
import { CALL_LIMITS } from "./call-limits.ts";

/**
 * Creates tokens in which AWS attests the function's role
 * (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html). Outbound identity federation must be
 * enabled in the account. Throws `token_unavailable`.
 */
export function awsTokens(): (audience: string) => Promise<OutboundToken> {
  const client = new STSClient(CALL_LIMITS);
  return async (audience) => {
    const command = new GetWebIdentityTokenCommand({
      Audience: [audience],
      SigningAlgorithm: "ES384",
      DurationSeconds: 600,
    });
    const { WebIdentityToken: token, Expiration: expiration } = await client.send(command).catch((cause: unknown) => {
      const name = cause instanceof Error ? cause.name : "unknown";
      throw new Fault("token_unavailable", `STS issued no token: ${name}`, { retryable: true, cause });
    });
    if (token === undefined || expiration === undefined) {
      throw new Fault("token_unavailable", "STS issued no token", { retryable: true });
    }
    return { token: new Secret(token), expiresAt: epochMillis(expiration.getTime()) };
  };
}
