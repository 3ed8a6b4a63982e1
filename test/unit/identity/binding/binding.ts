import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import type { BindingDeps } from "../../../../shared/identity/binding/deps.ts";
import { rejectUnbound } from "../../../../shared/identity/binding/index.ts";
import type { PresentedToken, TokenRequest } from "../../../../shared/identity/presented-token.ts";
import { memoryReplayCache } from "../../../support/memory-stores.ts";
import { bindingDeps, testClock } from "../../../support/test-doubles.ts";
import { b64, entryOf, NOW, signingKey, tokenOf } from "../tokens.ts";

const ISSUER = "https://issuer.example.test";
export const BRIDGE = "https://bridge.example.test/webhooks/ci";
const issuerKey = signingKey("k1");

export const sha256 = (data: string | Uint8Array, encoding: "hex" | "base64url" = "base64url"): string =>
  createHash("sha256").update(data).digest(encoding);

const CLAIMS: Readonly<Record<string, unknown>> = { sub: "someone", exp: NOW + 290 };
export const tokenWith = (claims: object = {}): string => tokenOf(ISSUER, issuerKey, { claims });

export function requestOf(changes: Partial<TokenRequest> & { readonly header?: Record<string, string> } = {}) {
  const { header = {}, ...others } = changes;
  const request: TokenRequest = {
    method: "POST",
    url: new URL(BRIDGE),
    headers: new Headers({ "content-type": "application/json", ...header }),
    body: Buffer.from('{"state":"succeeded"}'),
    receivedAt: testClock().now(),
    ...others,
  };
  return request;
}

export interface Tried {
  readonly presented: PresentedToken;
  readonly claims?: object;
  readonly entry?: object;
  readonly deps?: Partial<BindingDeps>;
}

/**
 * The result of the binding check for a token whose signature and claims are good: the reason with its facts, or
 * `accepted`.
 */
export async function bindingSays({ presented, claims = {}, entry = {}, deps = {} }: Tried): Promise<string> {
  const clock = testClock();
  const rejection = await rejectUnbound(presented, { ...CLAIMS, ...claims }, entryOf({ issuer: ISSUER, ...entry }), {
    ...bindingDeps(clock),
    replayCache: memoryReplayCache(),
    ...deps,
  });
  if (rejection === undefined) return "accepted";
  const { reason, ...facts } = rejection;
  return [reason, ...Object.values(facts)].join(": ");
}

/** A key pair of a sender. */
export interface HolderKey {
  readonly alg: string;
  readonly privateKey: KeyObject;
  readonly jwk: Readonly<Record<string, unknown>>;
  /** RFC 7638 §3, by hand. */
  readonly thumbprint: string;
}

export function holderKey(alg: "ES256" | "RS256" | "PS256" | "EdDSA" | "Ed25519" = "ES256", bits = 2048): HolderKey {
  const { privateKey, publicKey } = keyPair(alg, bits);
  const { kty, crv, x, y, n, e } = publicKey.export({ format: "jwk" });
  const members = { EC: { crv, kty, x, y }, RSA: { e, kty, n }, OKP: { crv, kty, x } }[kty ?? ""];
  return { alg, privateKey, jwk: { ...members }, thumbprint: sha256(JSON.stringify(members)) };
}

function keyPair(alg: string, bits: number) {
  if (alg === "ES256") return generateKeyPairSync("ec", { namedCurve: "P-256" });
  if (alg === "RS256" || alg === "PS256") return generateKeyPairSync("rsa", { modulusLength: bits });
  return generateKeyPairSync("ed25519");
}

const PSS = { padding: 6, saltLength: 32 };

/** Signs any header and claims: what a broken or hostile sender would send. */
export function signProof(header: object | string, claims: object | string, key: HolderKey): string {
  const text = (part: object | string) => b64(typeof part === "string" ? part : JSON.stringify(part));
  const input = `${text(header)}.${text(claims)}`;
  const { alg, privateKey } = key;
  const signer = { key: privateKey, dsaEncoding: "ieee-p1363" as const, ...(alg === "PS256" && PSS) };
  return `${input}.${b64(sign(alg.startsWith("Ed") ? null : "sha256", Buffer.from(input), signer))}`;
}

export interface ProofChanges {
  readonly header?: object;
  readonly claims?: object;
  readonly signer?: HolderKey;
}

/** A good proof for {@link BRIDGE} and `token`, changed; `undefined` leaves a member out. */
export function proofOf(token: string, key: HolderKey, { header, claims, signer = key }: ProofChanges = {}): string {
  return signProof(
    { typ: "dpop+jwt", alg: key.alg, jwk: key.jwk, ...header },
    { jti: "proof-1", htm: "POST", htu: BRIDGE, iat: NOW - 1, ath: sha256(token), ...claims },
    signer,
  );
}
