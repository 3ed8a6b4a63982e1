import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from "jose";
import type { EpochMillis } from "../host/clock.ts";
import { ACCESS_TOKEN_TYPE, type BridgeIssuer } from "./issuer.ts";

/**
 * Returns the claims of an access token that the bridge made itself and that has not expired; undefined for every other
 * text. Throws as {@link BridgeIssuer.keySet} does.
 */
export async function verifyAccessToken(
  token: string,
  issuer: Pick<BridgeIssuer, "issuer" | "keySet">,
  now: EpochMillis,
): Promise<JWTPayload | undefined> {
  const keys = createLocalJWKSet((await issuer.keySet()) as JSONWebKeySet);
  try {
    const options = {
      issuer: issuer.issuer,
      typ: ACCESS_TOKEN_TYPE,
      algorithms: ["ES256"],
      currentDate: new Date(now),
    };
    return (await jwtVerify(token, keys, { ...options, requiredClaims: ["aud", "exp", "iat", "sub"] })).payload;
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined;
    throw error;
  }
}
