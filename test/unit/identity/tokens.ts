import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import * as v from "valibot";
import { epochMillis, toSeconds } from "../../../shared/host/clock.ts";
import { type TrustEntry, trustEntry } from "../../../shared/identity/trust-entry.ts";
import { testClock } from "../../support/test-doubles.ts";

export const AUDIENCE = "https://bridge.example.test";

/** Seconds since 1970 at which {@link testClock} stands. */
export const NOW: number = toSeconds(epochMillis(testClock().now()));

/** A key pair of an issuer, created for each test file. */
export interface SigningKey {
  readonly alg: "ES256" | "RS256";
  readonly kid: string;
  readonly privateKey: KeyObject;
  /** What the issuer publishes. */
  readonly jwk: Readonly<Record<string, unknown>> & { readonly kty: string };
}

export function signingKey(kid: string, alg: SigningKey["alg"] = "ES256"): SigningKey {
  const { privateKey, publicKey } =
    alg === "ES256"
      ? generateKeyPairSync("ec", { namedCurve: "P-256" })
      : generateKeyPairSync("rsa", { modulusLength: 2048 });
  const { kty = "", ...members } = publicKey.export({ format: "jwk" });
  return { alg, kid, privateKey, jwk: { ...members, kty, kid, use: "sig" } };
}

export const keySetOf = (...keys: readonly SigningKey[]): { keys: SigningKey["jwk"][] } => ({
  keys: keys.map(({ jwk }) => jwk),
});

/** A trust entry as the configuration has it, for {@link AUDIENCE} unless `settings` name another. */
export function entryOf(settings: { readonly issuer: string } & Readonly<Record<string, unknown>>): TrustEntry {
  return v.parse(trustEntry, { audience: AUDIENCE, ...settings });
}

export const b64 = (text: string | Uint8Array): string => Buffer.from(text).toString("base64url");

/** Signs any text as header and payload: what a broken or hostile issuer would send. */
export function signText(header: string, payload: string, key: SigningKey): string {
  const input = `${b64(header)}.${b64(payload)}`;
  const signature = sign("sha256", Buffer.from(input), { key: key.privateKey, dsaEncoding: "ieee-p1363" });
  return `${input}.${b64(signature)}`;
}

/** A good token of `issuer`, changed by `claims` and `header`; `undefined` leaves a member out. */
export function tokenOf(
  issuer: string,
  key: SigningKey,
  changes: { readonly claims?: object; readonly header?: object } = {},
): string {
  const header = { alg: key.alg, kid: key.kid, typ: "JWT", ...changes.header };
  const claims = { iss: issuer, sub: "someone", aud: AUDIENCE, iat: NOW - 10, exp: NOW + 290, ...changes.claims };
  return signText(JSON.stringify(header), JSON.stringify(claims), key);
}
