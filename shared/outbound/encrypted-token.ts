import { EncryptJWT, errors, jwtDecrypt } from "jose";
import * as v from "valibot";
import type { EpochSeconds } from "../host/clock.ts";

/** A token, and the address that it is good for. */
interface Content {
  readonly token: string;
  readonly base: string;
}

/**
 * Seals a token as a compact JWE (RFC 7516) of `dir` and `A256GCM`, with the source and the app that it belongs to and its
 * end inside.
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

/** What was sealed for this source and one of these apps; nothing where it was not, was changed, or has ended at `at`. */
export async function decryptToken(
  sealed: string,
  bound: { readonly source: string; readonly apps: readonly string[]; readonly at: Date },
  keys: readonly Uint8Array[],
): Promise<Content | undefined> {
  for (const key of keys) {
    const content = await openedBy(key, sealed, bound);
    if (content) return content;
  }
  return undefined;
}

async function openedBy(
  key: Uint8Array,
  sealed: string,
  { source, apps, at }: Parameters<typeof decryptToken>[1],
): Promise<Content | undefined> {
  try {
    const { payload } = await jwtDecrypt(sealed, key, {
      audience: source,
      issuer: [...apps],
      requiredClaims: ["exp"],
      currentDate: at,
      keyManagementAlgorithms: ["dir"],
      contentEncryptionAlgorithms: ["A256GCM"],
    });
    const read = v.safeParse(content, payload);
    return read.success ? read.output : undefined;
  } catch (error) {
    // Whatever is wrong with it, there is no token.
    if (error instanceof errors.JOSEError) return undefined;
    throw error;
  }
}

const content = v.object({ token: v.string(), base: v.string() });
