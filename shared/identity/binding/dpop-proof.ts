import type { CryptoKey } from "jose";
import { calculateJwkThumbprint } from "jose/jwk/thumbprint";
import { importJWK } from "jose/key/import";
import * as v from "valibot";
import { epochSeconds, toSeconds } from "../../host/clock.ts";
import { nonEmptyText } from "../../host/non-empty-text.ts";
import type { Rejection } from "../../model/rejection.ts";
import { ALGORITHMS, type Algorithm } from "../algorithms.ts";
import { readCompactJws, type UnverifiedJws } from "../compact-jws.ts";
import type { PresentedToken, TokenRequest } from "../presented-token.ts";
import { isSignedWith } from "../verify-signature.ts";
import type { BindingDeps } from "./deps.ts";
import { isSha256Of, keyOf } from "./digest.ts";
import { newNonceUse } from "./replay-check.ts";

interface ProofContext extends BindingDeps {
  /** Maximum error of the sender's clock. */
  readonly skewSeconds: number;
}

/**
 * Checks a DPoP proof (RFC 9449 §4.3 and §7.1): the sender has the key whose thumbprint the token names, and created
 * this proof recently, for this token and for only this request. The bridge issues no nonces. Throws
 * `store_unavailable`.
 */
export async function rejectProof(
  { scheme, token, request }: PresentedToken,
  jkt: string,
  { clock, replayCache, publicUrl, skewSeconds }: ProofContext,
): Promise<Rejection | undefined> {
  const header = request.headers.get("dpop");
  if (scheme !== "dpop" || header === null) return { reason: "proof_missing", expected: "DPoP" };
  // Repeated headers arrive joined by a comma, which no JWS contains.
  const proof = readCompactJws(header, { keyInHeader: true });
  if (!proof.ok) return invalid("the header DPoP is not one JWS in strict compact form");
  const signerRejection = await rejectSigner(proof.value, jkt);
  if (signerRejection) return signerRejection;
  const claims = v.safeParse(proofClaims, proof.value.claims);
  if (!claims.success) return invalid("jti, htm, htu, iat or ath is missing or of the wrong type");
  const { jti, htm, htu, iat, ath } = claims.output;
  if (htm !== request.method) return invalid("htm is another method");
  if (!isAddressOf(request, htu, publicUrl)) return invalid("htu is another address");
  if (!isSha256Of(token, ath, ["base64url"])) return invalid("ath is another token's");
  const now = toSeconds(clock.now());
  if (iat > now + skewSeconds) return invalid("iat is in the future");
  const until = epochSeconds(Math.ceil(iat) + PROOF_SECONDS + skewSeconds);
  if (until < now) return invalid("iat is too long ago");
  const isNew = await replayCache.take(keyOf(["proof", jkt, jti]), newNonceUse(), until);
  return isNew ? undefined : { reason: "token_replayed" };
}

/** Maximum age of a proof: its sender creates one for each request. */
const PROOF_SECONDS = 60;

const proofClaims = v.object({
  jti: nonEmptyText,
  htm: nonEmptyText,
  htu: nonEmptyText,
  iat: v.pipe(v.number(), v.finite()),
  ath: nonEmptyText,
});

const never = v.exactOptional(v.never());

/** A public key only: a sender that publishes its private key proves nothing. */
const publicJwk = v.object({
  kty: v.picklist(["EC", "RSA", "OKP"]),
  crv: v.exactOptional(v.string()),
  x: v.exactOptional(v.string()),
  y: v.exactOptional(v.string()),
  n: v.exactOptional(v.string()),
  e: v.exactOptional(v.string()),
  d: never,
  p: never,
  q: never,
  dp: never,
  dq: never,
  qi: never,
  oth: never,
  k: never,
});

/** Checks the type, the asymmetric algorithm, that the key is the one that the token names, and the signature. */
async function rejectSigner(proof: UnverifiedJws, jkt: string): Promise<Rejection | undefined> {
  const { typ, alg } = proof.header;
  if (typ !== "dpop+jwt") return invalid("typ is not dpop+jwt");
  const algorithm = ALGORITHMS.find((allowed) => allowed === alg);
  if (algorithm === undefined) return invalid("alg is not a public-key signature");
  const jwk = v.safeParse(publicJwk, proof.header.jwk);
  if (!jwk.success) return invalid("jwk is not a public key");
  const key = await keyOfSender(jwk.output, algorithm, jkt);
  if (key === undefined) return invalid("jwk is not the key that the token is bound to, or does not fit alg");
  return (await isSignedWith(key, algorithm, proof)) ? undefined : invalid("the signature is not by jwk");
}

/** Shorter RSA keys are rejected (RFC 7518 §3.3). */
const MIN_RSA_BITS = 2048;

async function keyOfSender(
  jwk: v.InferOutput<typeof publicJwk>,
  algorithm: Algorithm,
  jkt: string,
): Promise<CryptoKey | undefined> {
  try {
    if ((await calculateJwkThumbprint(jwk, "sha256")) !== jkt) return undefined;
    const key = await importJWK(jwk, algorithm);
    if (key instanceof Uint8Array) return undefined;
    const isShort = "modulusLength" in key.algorithm && Number(key.algorithm.modulusLength) < MIN_RSA_BITS;
    return isShort ? undefined : key;
  } catch {
    // The key comes from the sender, so every error in it is the sender's.
    return undefined;
  }
}

/**
 * Compares URLs without query and fragment, after the normalisation of the URL standard (RFC 9449 §4.3). The paths of
 * the bridge have only one spelling after that.
 */
function isAddressOf({ url }: TokenRequest, htu: string, publicUrl: string | undefined): boolean {
  if (!URL.canParse(htu)) return false;
  const expected = publicUrl === undefined ? url : new URL(`${publicUrl}${url.pathname}`);
  return withoutQuery(new URL(htu)) === withoutQuery(expected);
}

function withoutQuery(url: URL): string {
  const { protocol, username, password, host, pathname } = url;
  return JSON.stringify([protocol, username, password, host, pathname]);
}

const invalid = (detail: string): Rejection => ({ reason: "proof_invalid", detail });
