import { JOSEError } from "jose/errors";
import { jwtDecrypt } from "jose/jwt/decrypt";
import { EncryptJWT } from "jose/jwt/encrypt";
import * as v from "valibot";
import type { EpochSeconds } from "../host/clock.ts";

/** A token, and the base URL for which it is valid. */
interface Content {
  readonly token: string;
  readonly base: string;
}

/**
 * Encrypts a token as a compact JWE (RFC 7516) with `dir` and `A256GCM`. The JWE contains the source and the app of the
 * token, and its expiry.
 */
export function encryptToken(
  { token, base }: Content,
  bound: { readonly source: string; readonly app: string; readonly until: EpochSeconds },
  key: Uint8Array,
): Promise<string> {
  return new EncryptJWT({ token, base })
    .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
    .setAudience(bound.source)
    .setIssuer(bound.app)
    .setExpirationTime(bound.until)
    .encrypt(key);
}

/**
 * Decrypts a token of this source and one of these apps; undefined if it is for another, was changed, or has expired at
 * `at`.
 */
export async function decryptToken(
  encrypted: string,
  bound: { readonly source: string; readonly apps: readonly string[]; readonly at: Date },
  keys: readonly Uint8Array[],
): Promise<Content | undefined> {
  for (const key of keys) {
    const content = await decryptWith(key, encrypted, bound);
    if (content) return content;
  }
  return undefined;
}

async function decryptWith(
  key: Uint8Array,
  encrypted: string,
  { source, apps, at }: Parameters<typeof decryptToken>[1],
): Promise<Content | undefined> {
  try {
    const { payload } = await jwtDecrypt(encrypted, key, {
      audience: source,
      issuer: [...apps],
      requiredClaims: ["exp"],
      currentDate: at,
      keyManagementAlgorithms: ["dir"],
      contentEncryptionAlgorithms: ["A256GCM"],
    });
    const parsed = v.safeParse(content, payload);
    return parsed.success ? parsed.output : undefined;
  } catch (error) {
    // Every invalid JWE counts as no token.
    if (error instanceof JOSEError) return undefined;
    throw error;
  }
}

const content = v.object({ token: v.string(), base: v.string() });
