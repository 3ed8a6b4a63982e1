import type { CryptoKey } from "jose";
import type { Clock } from "../host/clock.ts";
import type { Rejection } from "../model/rejection.ts";
import type { Algorithm } from "./algorithms.ts";
import type { UnverifiedJws } from "./compact-jws.ts";
import { rejectionOf } from "./jose-rejection.ts";
import { Jwks } from "./jwks.ts";
import { jwksLoader, type KeySources } from "./load-jwks.ts";
import type { TrustEntry } from "./trust-entry.ts";

/** A named trust entry with its own keys. */
export interface Trusted {
  readonly name: string;
  readonly entry: TrustEntry;
  readonly keys: Jwks;
}

/** Adds keys to a trust entry. They are loaded when a token first needs them. */
export const trustedAs = (name: string, entry: TrustEntry, deps: KeySources & { readonly clock: Clock }): Trusted => ({
  name,
  entry,
  keys: new Jwks(name, jwksLoader(entry, deps), deps.clock),
});

/**
 * Rejects a token whose signature is not valid for a trust entry. The algorithm must be one that the entry lists (RFC
 * 8725 §3.1), and the key must be one of the entry: jose finds and imports it, bound to that algorithm. Throws
 * `keys_unavailable` if the keys cannot be loaded.
 */
export async function rejectSignature(jws: UnverifiedJws, { entry, keys }: Trusted): Promise<Rejection | undefined> {
  const { alg, kid } = jws.header;
  const algorithm = entry.algorithms.find((allowed) => allowed === alg);
  if (algorithm === undefined) return { reason: "algorithm_not_allowed" };
  let key: CryptoKey;
  try {
    key = await keys.find(kid === undefined ? { alg } : { alg, kid });
  } catch (error) {
    const rejection = rejectionOf(error);
    if (rejection) return rejection;
    throw error;
  }
  return (await isSignedWith(key, algorithm, jws)) ? undefined : { reason: "token_signature_invalid" };
}

/**
 * Verifies a signature. `key` must be a key for `algorithm`. WebCrypto may throw for bytes that cannot be such a
 * signature.
 *
 * jose's `compactVerify` is not used, because it parses the token a second time, which costs a quarter of a
 * verification. The tests compare this function with it, using Wycheproof's vectors.
 */
export const isSignedWith = (
  key: CryptoKey,
  algorithm: Algorithm,
  { signature, signed }: UnverifiedJws,
): Promise<boolean> => crypto.subtle.verify(SIGNATURES[algorithm], key, signature, signed).catch(() => false);

const PKCS1 = { name: "RSASSA-PKCS1-v1_5" };
const ED25519 = { name: "Ed25519" };

/**
 * The algorithms of RFC 7518 §3.1, RFC 8037 §3.1 and RFC 9864 §2.2 as WebCrypto parameters;
 * the key itself contains its curve, or for RSA its hash.
 */
const SIGNATURES: Readonly<Record<Algorithm, Parameters<typeof crypto.subtle.verify>[0]>> = {
  RS256: PKCS1,
  RS384: PKCS1,
  RS512: PKCS1,
  PS256: { name: "RSA-PSS", saltLength: 32 },
  PS384: { name: "RSA-PSS", saltLength: 48 },
  PS512: { name: "RSA-PSS", saltLength: 64 },
  ES256: { name: "ECDSA", hash: "SHA-256" },
  ES384: { name: "ECDSA", hash: "SHA-384" },
  ES512: { name: "ECDSA", hash: "SHA-512" },
  EdDSA: ED25519,
  Ed25519: ED25519,
};
