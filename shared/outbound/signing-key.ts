import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { calculateJwkThumbprint, type JWK } from "jose";
import { Fault } from "../host/fault.ts";
import type { Secret } from "../host/secrets.ts";

/** An ES256 key (RFC 7518 §3.4) that the bridge signs its tokens with, wherever its private half is kept. */
export interface SigningKey {
  /** The JWK thumbprint (RFC 7638): the same key has the same id in every copy of the bridge. */
  readonly kid: string;
  /** What is published. */
  readonly publicJwk: JWK;
  /** 64 bytes, R and S. Throws `secret_unavailable` when the key cannot be used now. */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/** A key that the process holds: a PEM text as `openssl genpkey` writes it. Throws `secret_unavailable` for any other. */
export async function localSigningKey(pem: Secret): Promise<SigningKey> {
  const key = readKey(pem);
  const { kid, publicJwk } = await published(createPublicKey(key));
  return {
    kid,
    publicJwk,
    sign: async (bytes) => sign("sha256", bytes, { key, dsaEncoding: "ieee-p1363" }),
  };
}

/** The id and the published form of a public key on curve P-256. */
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
    // Without its cause, whose message may quote the text.
    throw unusable();
  }
}

const unusable = (): Fault =>
  new Fault("secret_unavailable", "a signing key is no private key on curve P-256 in PEM", { retryable: true });
