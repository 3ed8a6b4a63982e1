import { createPublicKey, type JsonWebKey } from "node:crypto";
import type { PublicKeySet } from "../../identity/public-key-set.ts";
import type { TrustEntry } from "../../identity/trust-entry.ts";

/** A public key in the form of Kong's plugin `jwt`. */
export interface JwtKey {
  readonly kid: string;
  readonly algorithm: string;
  readonly pem: string;
}

type PublishedKey = PublicKeySet["keys"][number];

/**
 * The keys of a trust entry that Kong can use, by their id. `skipped`: the published keys that no token could be verified
 * with at Kong, and why. A key set with a private key never comes here: its schema rejects it.
 */
export function jwtKeysOf(
  { keys }: PublicKeySet,
  { algorithms }: Pick<TrustEntry, "algorithms">,
): { readonly keys: readonly JwtKey[]; readonly skipped: readonly string[] } {
  const found = new Map<string, JwtKey>();
  const skipped: string[] = [];
  for (const key of keys) {
    const read = jwtKeyOf(key, algorithms);
    if (typeof read === "string") skipped.push(`key ${key.kid ?? "without kid"}: ${read}`);
    else if (found.has(read.kid)) skipped.push(`key ${read.kid}: another key of the set has this kid`);
    else found.set(read.kid, read);
  }
  return { keys: [...found.values()].sort((a, b) => (a.kid < b.kid ? -1 : 1)), skipped };
}

function jwtKeyOf(key: PublishedKey, accepted: readonly string[]): JwtKey | string {
  if (key.use !== undefined && key.use !== "sig") return `its use is ${key.use}`;
  if (key.key_ops !== undefined && !key.key_ops.includes("verify")) return "it is not for verification";
  // Kong finds a key by the kid of the token.
  if (key.kid === undefined || key.kid === "") return "Kong finds keys by kid";
  const fitting = algorithmsFor(key).filter((one) => accepted.includes(one));
  const algorithm = key.alg === undefined ? fitting[0] : fitting.find((one) => one === key.alg);
  if (algorithm === undefined) return "the trust entry accepts no algorithm of this key";
  try {
    const { kty = "", crv, x, y, n, e } = key;
    const jwk: JsonWebKey = {
      kty,
      ...(crv && { crv }),
      ...(x && { x }),
      ...(y && { y }),
      ...(n && { n }),
      ...(e && { e }),
    };
    const published = createPublicKey({ key: jwk, format: "jwk" });
    // RFC 7518 §3.3.
    if ((published.asymmetricKeyDetails?.modulusLength ?? 2048) < 2048) return "it is shorter than 2048 bits";
    // Kong knows Ed25519 by its older name only.
    const name = algorithm === "Ed25519" ? "EdDSA" : algorithm;
    return { kid: key.kid, algorithm: name, pem: published.export({ type: "spki", format: "pem" }).toString() };
  } catch {
    return "it is not a valid key";
  }
}

/** The algorithms of a key without `alg` (RFC 7518 §3.1, RFC 8037), the usual one first. */
function algorithmsFor({ kty, crv = "" }: PublishedKey): readonly string[] {
  if (kty === "RSA") return ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
  if (kty === "EC") return { "P-256": ["ES256"], "P-384": ["ES384"], "P-521": ["ES512"] }[crv] ?? [];
  return kty === "OKP" && crv === "Ed25519" ? ["EdDSA", "Ed25519"] : [];
}
