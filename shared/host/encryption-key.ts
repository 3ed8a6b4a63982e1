import { hkdfSync } from "node:crypto";
import * as v from "valibot";
import { Fault } from "./fault.ts";
import { type RotatingSecret, readBoth, type Secrets, secretRef } from "./secrets.ts";

/**
 * A random text that nobody else has: `current` seals what the bridge keeps to itself, and both open it. It proves no
 * sender, so it is not one of a source's rotating secrets.
 */
export const encryptionSecret = v.strictObject({ current: secretRef, next: v.optional(secretRef) });

/**
 * The 256-bit keys of a sealing secret for one purpose, the one that seals first (HKDF, RFC 5869: what is sealed for one
 * purpose does not open for another). Throws `secret_unavailable`, and `configuration_invalid` for one that is too short.
 */
export async function encryptionKeys(
  secrets: Secrets,
  pair: RotatingSecret,
  purpose: string,
): Promise<readonly [Uint8Array, ...Uint8Array[]]> {
  const [current, ...others] = await readBoth(secrets, pair);
  if (current === undefined) throw tooShort();
  const keyOf = (secret: string): Uint8Array => {
    if (secret.length < LEAST_CHARACTERS) throw tooShort();
    return new Uint8Array(hkdfSync("sha256", secret, "", `drawbridge ${purpose}`, KEY_BYTES));
  };
  return [keyOf(current.secret.reveal()), ...others.map(({ secret }) => keyOf(secret.reveal()))];
}

const KEY_BYTES = 32;
const LEAST_CHARACTERS = 32;

const tooShort = (): Fault =>
  new Fault("configuration_invalid", `a sealing secret must have at least ${LEAST_CHARACTERS} random characters`, {
    retryable: false,
  });
