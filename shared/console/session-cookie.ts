import { JOSEError } from "jose/errors";
import { jwtDecrypt } from "jose/jwt/decrypt";
import { EncryptJWT } from "jose/jwt/encrypt";
import * as v from "valibot";
import { decodeBase64url } from "../host/base64url.ts";
import { type Clock, type EpochMillis, toSeconds } from "../host/clock.ts";
import { encryptionKeys } from "../host/encryption-key.ts";
import type { RotatingSecret, Secrets } from "../host/secrets.ts";

export interface SessionCookieDeps {
  readonly secrets: Secrets;
  readonly sealedBy: RotatingSecret;
  readonly clock: Clock;
}

/** A cookie that was encrypted for one purpose is not accepted for the other. */
type Purpose = "session" | "sign-in";

/**
 * Encrypts the console's cookies, so that the browser can neither read nor change them: a JWE of `dir` and `A256GCM`
 * (RFC 7516) that contains its purpose and its expiry. Encrypts with the key `current`, decrypts with `next` too.
 */
export class SessionCookieCipher {
  readonly #deps: SessionCookieDeps;

  constructor(deps: SessionCookieDeps) {
    this.#deps = deps;
  }

  /** Throws `secret_unavailable`, or `configuration_invalid` if the key is too weak. */
  async encrypt(purpose: Purpose, content: object, until: EpochMillis): Promise<string> {
    const [key] = await this.#keys();
    return new EncryptJWT({ content })
      .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
      .setAudience(purpose)
      .setExpirationTime(toSeconds(until))
      .encrypt(key);
  }

  /** Undefined if it was encrypted for another purpose, was changed, or has expired. Throws as {@link encrypt} does. */
  async decrypt<T>(purpose: Purpose, encrypted: string, schema: v.GenericSchema<unknown, T>): Promise<T | undefined> {
    // jose accepts a part that is not canonical, so several texts would be the same cookie.
    if (encrypted.split(".").some((part) => decodeBase64url(part) === undefined)) return undefined;
    for (const key of await this.#keys()) {
      const content = await this.#decryptWith(key, purpose, encrypted);
      const read = v.safeParse(schema, content);
      if (read.success) return read.output;
    }
    return undefined;
  }

  async #decryptWith(key: Uint8Array, purpose: Purpose, encrypted: string): Promise<unknown> {
    try {
      const { payload } = await jwtDecrypt(encrypted, key, {
        audience: purpose,
        requiredClaims: ["exp"],
        currentDate: new Date(this.#deps.clock.now()),
        keyManagementAlgorithms: ["dir"],
        contentEncryptionAlgorithms: ["A256GCM"],
      });
      return payload["content"];
    } catch (error) {
      // Whatever is wrong with the cookie, the browser is not signed in.
      if (error instanceof JOSEError) return undefined;
      throw error;
    }
  }

  #keys(): Promise<readonly [Uint8Array, ...Uint8Array[]]> {
    const { secrets, sealedBy } = this.#deps;
    return encryptionKeys(secrets, sealedBy, "console");
  }
}
