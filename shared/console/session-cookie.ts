import { EncryptJWT, errors, jwtDecrypt } from "jose";
import * as v from "valibot";
import { type Clock, type EpochMillis, toSeconds } from "../host/clock.ts";
import { encryptionKeys } from "../host/encryption-key.ts";
import type { RotatingSecret, Secrets } from "../host/secrets.ts";

export interface SessionCookieDeps {
  readonly secrets: Secrets;
  readonly sealedBy: RotatingSecret;
  readonly clock: Clock;
}

/** What is sealed for one purpose does not open for the other. */
type Purpose = "session" | "sign-in";

/**
 * Puts what a browser keeps for the console into a text that it can neither read nor change: a JWE of `dir` and `A256GCM`
 * (RFC 7516), with its purpose and its end inside. Seals with `current`, opens with `next` too.
 */
export class SessionCookieCipher {
  readonly #deps: SessionCookieDeps;

  constructor(deps: SessionCookieDeps) {
    this.#deps = deps;
  }

  /** Throws `secret_unavailable`, and `configuration_invalid` for a key that could be guessed. */
  async encrypt(purpose: Purpose, content: object, until: EpochMillis): Promise<string> {
    const [key] = await this.#keys();
    return new EncryptJWT({ content })
      .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
      .setAudience(purpose)
      .setExpirationTime(toSeconds(until))
      .encrypt(key);
  }

  /** Nothing for what was not sealed for this purpose, was changed, or has ended. Throws as {@link encrypt} does. */
  async decrypt<T>(purpose: Purpose, sealed: string, schema: v.GenericSchema<unknown, T>): Promise<T | undefined> {
    for (const key of await this.#keys()) {
      const content = await this.#openWith(key, purpose, sealed);
      const read = v.safeParse(schema, content);
      if (read.success) return read.output;
    }
    return undefined;
  }

  async #openWith(key: Uint8Array, purpose: Purpose, sealed: string): Promise<unknown> {
    try {
      const { payload } = await jwtDecrypt(sealed, key, {
        audience: purpose,
        requiredClaims: ["exp"],
        currentDate: new Date(this.#deps.clock.now()),
        keyManagementAlgorithms: ["dir"],
        contentEncryptionAlgorithms: ["A256GCM"],
      });
      return payload["content"];
    } catch (error) {
      // Whatever is wrong with it: the browser has nothing that counts.
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  }

  #keys(): Promise<readonly [Uint8Array, ...Uint8Array[]]> {
    const { secrets, sealedBy } = this.#deps;
    return encryptionKeys(secrets, sealedBy, "console");
  }
}
