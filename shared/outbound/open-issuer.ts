import { randomUUID } from "node:crypto";
import { Fault } from "../host/fault.ts";
import type { Secrets } from "../host/secrets.ts";
import type { BridgeIdentity } from "./bridge-identity.ts";
import { BridgeIssuer } from "./issuer.ts";
import type { SigningKey } from "./signing-key.ts";

export interface IssuerDeps {
  readonly secrets: Secrets;
  /** Opens a key in KMS by its id; undefined outside AWS. */
  readonly kmsKey: ((id: string) => Promise<SigningKey>) | undefined;
}

/** Returns the configured issuer; undefined if none is configured. Opens no key yet. */
export function openIssuer(
  { identity, upstreams }: { readonly identity?: BridgeIdentity | undefined; readonly upstreams: object },
  deps: IssuerDeps,
): BridgeIssuer | undefined {
  if (identity === undefined) return undefined;
  const { issuer, keys = [] } = identity;
  return new BridgeIssuer({
    issuer,
    newTokenId: randomUUID,
    hasTokenEndpoint: Object.keys(upstreams).length > 0,
    keys: keys.map((ref) => () => openKey(ref, deps)),
  });
}

async function openKey(ref: string, { secrets, kmsKey }: IssuerDeps): Promise<SigningKey> {
  if (!ref.startsWith(KMS)) {
    const { localSigningKey } = await import("./signing-key.ts");
    return localSigningKey(await secrets.read(ref));
  }
  if (kmsKey) return kmsKey(ref.slice(KMS.length));
  throw new Fault("secret_unavailable", "a key in KMS works only in AWS", { retryable: false });
}

const KMS = "kms:";
