import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import type { JWK } from "jose";
import { calculateJwkThumbprint } from "jose/jwk/thumbprint";
import { Fault } from "../host/fault.ts";
import type { Secret } from "../host/secrets.ts";

/** An ES256 key (RFC 7518 §3.4) with which the bridge signs its tokens. The private key may be stored elsewhere. */
export interface SigningKey {
  /** The JWK thumbprint (RFC 7638): a key has the same id in every instance of the bridge. */
  readonly kid: string;
  /** The published key. */
  readonly publicJwk: JWK;
  /** Returns 64 bytes, R and S. Throws `secret_unavailable` if the key cannot be used now. */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/** Opens a key in this process from a PEM text of `openssl genpkey`. Throws `secret_unavailable` for any other text. */
export async function localSigningKey(pem: Secret): Promise<SigningKey> {
  const key = readKey(pem);
  const { kid, publicJwk } = await published(createPublicKey(key));
  return {
    kid,
    publicJwk,
    sign: async (bytes) => sign("sha256", bytes, { key, dsaEncoding: "ieee-p1363" }),
  };
}

/** Returns the id and the JWK of a public key on curve P-256. Throws `secret_unavailable` for any other key. */
export async function published(key: KeyObject): Promise<Pick<SigningKey, "kid" | "publicJwk">> {
  if (key.asymmetricKeyType !== "ec" || key.asymmetricKeyDetails?.namedCurve !== "prime256v1") throw unusable();
  const { kty, crv, x, y } = key.export({ format: "jwk" });
  if (kty === undefined || crv === undefined || x === undefined || y === undefined) throw unusable();
  const kid = await calculateJwkThumbprint({ kty, crv, x, y });
  return { kid, publicJwk: { kty, crv, x, y, kid, alg: "ES256", use: "sig" } };
}

function readKey(pem: Secret): KeyObject {
  try {
    return createPrivateKey(pem.reveal());
  } catch {
    // The cause is omitted, because its message may quote the text.
    throw unusable();
  }
}

const unusable = (): Fault =>
  new Fault("secret_unavailable", "a signing key is not a private key on curve P-256 in PEM", { retryable: true });
