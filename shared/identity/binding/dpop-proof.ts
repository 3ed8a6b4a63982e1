import { type CryptoKey, calculateJwkThumbprint, importJWK } from "jose";
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
  /** How far the sender's clock may be off. */
  readonly skewSeconds: number;
}

/**
 * RFC 9449 §4.3 and §7.1: the sender holds the key whose thumbprint the token names, and made this proof for this request
 * and this token, just now, and for one request alone. The bridge gives out no nonces.
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
  const forged = await refuseSigner(proof.value, jkt);
  if (forged) return forged;
  const claims = v.safeParse(proofClaims, proof.value.claims);
  if (!claims.success) return invalid("jti, htm, htu, iat or ath is missing or not what it must be");
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

/** How old a proof may be: its sender makes one for each request. */
const PROOF_SECONDS = 60;

const proofClaims = v.object({
  jti: nonEmptyText,
  htm: nonEmptyText,
  htu: nonEmptyText,
  iat: v.pipe(v.number(), v.finite()),
  ath: nonEmptyText,
});

const never = v.exactOptional(v.never());

/** A public key and nothing else: a sender that gives its private key away has proved nothing. */
const publicJwk = v.object({
  kty: v.picklist(["EC", "RSA", "OKP"]),
  crv: v.exactOptional(v.string()),
  x: v.exactOptional(v.string()),
  y: v.exactOptional(v.string()),
  n: v.exactOptional(v.string()),
  e: v.exactOptional(v.string()),
  ...{ d: never, p: never, q: never, dp: never, dq: never, qi: never, oth: never, k: never },
});

/** The type, an asymmetric algorithm, the key that the token names and no other, and its signature. */
async function refuseSigner(proof: UnverifiedJws, jkt: string): Promise<Rejection | undefined> {
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

/** RSA keys below this are refused (RFC 7518 §3.3). */
const LEAST_RSA_BITS = 2048;

async function keyOfSender(
  jwk: v.InferOutput<typeof publicJwk>,
  algorithm: Algorithm,
  jkt: string,
): Promise<CryptoKey | undefined> {
  try {
    if ((await calculateJwkThumbprint(jwk, "sha256")) !== jkt) return undefined;
    const key = await importJWK(jwk, algorithm);
    if (key instanceof Uint8Array) return undefined;
    const isShort = "modulusLength" in key.algorithm && Number(key.algorithm.modulusLength) < LEAST_RSA_BITS;
    return isShort ? undefined : key;
  } catch {
    // The sender brought the key along, so whatever is wrong with it is the sender's doing.
    return undefined;
  }
}

/**
 * RFC 9449 §4.3: compared without query and fragment, after the URL standard's normalisation. The bridge's paths have
 * nothing in them that could be written in two ways beyond that.
 */
function isAddressOf({ url }: TokenRequest, htu: string, publicUrl: string | undefined): boolean {
  if (!URL.canParse(htu)) return false;
  const asked = publicUrl === undefined ? url : new URL(`${publicUrl}${url.pathname}`);
  return withoutQuery(new URL(htu)) === withoutQuery(asked);
}

function withoutQuery(url: URL): string {
  const { protocol, username, password, host, pathname } = url;
  return JSON.stringify([protocol, username, password, host, pathname]);
}

const invalid = (detail: string): Rejection => ({ reason: "proof_invalid", detail });
