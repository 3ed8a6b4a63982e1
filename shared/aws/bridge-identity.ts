import type { Environment } from "../host/environment.ts";
import type { BridgeIdentity } from "../outbound/bridge-identity.ts";
import type { OutboundToken } from "../outbound/issuer.ts";
import type { SigningKey } from "../outbound/signing-key.ts";

/** The configured identity with the keys that the stack made, where the configuration names none. */
export function bridgeIdentity(
  { identity }: { readonly identity?: BridgeIdentity | undefined },
  environment: Environment,
): BridgeIdentity | undefined {
  const made = environment["SIGNING_KEY_IDS"];
  if (identity === undefined || identity.keys !== undefined || made === undefined) return identity;
  return { ...identity, keys: made.split(",").map((id) => `kms:${id}`) };
}

// The clients are files of their own in the bundle, loaded when a token is first made.

export const kmsKey = async (id: string): Promise<SigningKey> =>
  (await import("./kms-signing-key.ts")).kmsSigningKey(id);

export const awsToken = async (audience: string): Promise<OutboundToken> =>
  (await import("./web-identity.ts")).awsTokens()(audience);
