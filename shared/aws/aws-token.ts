import type { OutboundToken } from "../outbound/issuer.ts";

/**
 * A token that AWS creates. The client is a separate file in the bundle and is loaded when the first token is created.
 * Only functions that call targets import this: what the client shares with others loads at their start.
 */
export const awsToken = async (audience: string): Promise<OutboundToken> =>
  (await import("./web-identity.ts")).awsTokens()(audience);
