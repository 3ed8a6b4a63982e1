import { hkdfSync } from "node:crypto";
import * as v from "valibot";
import { Fault } from "./fault.ts";
import { type RotatingSecret, readBoth, type Secrets, secretRef } from "./secrets.ts";

/**
 * A random text that only the bridge knows. The bridge encrypts its own data with `current`, and decrypts with both. It
 * proves no sender, so it is not one of a source's rotating secrets.
 */
export const encryptionSecret = v.pipe(
  v.strictObject({ current: secretRef, next: v.optional(secretRef) }),
  v.title("secret pair"),
);

/**
 * Derives the 256-bit keys of an encryption secret for one purpose; the first one encrypts (HKDF, RFC 5869: data
 * encrypted for one purpose cannot be decrypted for another). Throws `secret_unavailable`, and `configuration_invalid`
 * if a secret is too short.
 */
export async function encryptionKeys(
  secrets: Secrets,
  pair: RotatingSecret,
  purpose: string,
): Promise<readonly [Uint8Array, ...Uint8Array[]]> {
  const [current, ...others] = await readBoth(secrets, pair);
  if (current === undefined) throw tooShort();
  const keyOf = (secret: string): Uint8Array => {
    if (secret.length < MIN_CHARACTERS) throw tooShort();
    return new Uint8Array(hkdfSync("sha256", secret, "", `drawbridge ${purpose}`, KEY_BYTES));
  };
  return [keyOf(current.secret.reveal()), ...others.map(({ secret }) => keyOf(secret.reveal()))];
}

const KEY_BYTES = 32;
const MIN_CHARACTERS = 32;

const tooShort = (): Fault =>
  new Fault("configuration_invalid", `an encryption secret must have at least ${MIN_CHARACTERS} random characters`, {
    retryable: false,
  });
