import type { Environment } from "../host/environment.ts";
import type { BridgeIdentity } from "../outbound/bridge-identity.ts";
import type { SigningKey } from "../outbound/signing-key.ts";

/** The configured identity. If it names no keys, it gets those that the stack created. */
export function bridgeIdentity(
  { identity }: { readonly identity?: BridgeIdentity | undefined },
  environment: Environment,
): BridgeIdentity | undefined {
  const keyIds = environment["SIGNING_KEY_IDS"];
  if (identity === undefined || identity.keys !== undefined || keyIds === undefined) return identity;
  return { ...identity, keys: keyIds.split(",").map((id) => `kms:${id}`) };
}

/** The client is a separate file in the bundle and is loaded when the first token is created. */
export const kmsKey = async (id: string): Promise<SigningKey> =>
  (await import("./kms-signing-key.ts")).kmsSigningKey(id);
