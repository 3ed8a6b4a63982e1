import * as fc from "fast-check";
import { compactDecrypt, EncryptJWT } from "jose";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { SessionCookieCipher } from "../../../shared/console/session-cookie.ts";
import { laterBy } from "../../../shared/host/clock.ts";
import { secretsOf, testClock } from "../../support/test-doubles.ts";

const KEYS = { NEW: "n".repeat(44), OLD: "o".repeat(44), SHORT: "short" };
const schema = v.object({ said: v.string() });
const CONTENT = { said: "something" };

function cipherWith(sealedBy = { current: "env:NEW", next: "env:OLD" }, clock = testClock()) {
  const cipher = new SessionCookieCipher({ secrets: secretsOf(KEYS), sealedBy, clock });
  const hour = laterBy(clock.now(), 3_600_000);
  return { cipher, clock, encrypt: () => cipher.encrypt("session", CONTENT, hour) };
}

describe("an encrypted session cookie", () => {
  it("a session cookie is decrypted with any of the live keys and with no other key", async () => {
    const [both, old] = [cipherWith(), cipherWith({ current: "env:OLD", next: "env:OLD" })];
    expect(await both.cipher.decrypt("session", await both.encrypt(), schema)).toEqual(CONTENT);
    expect(await both.cipher.decrypt("session", await old.encrypt(), schema)).toEqual(CONTENT);
    expect(await old.cipher.decrypt("session", await both.encrypt(), schema)).toBeUndefined();
  });

  it("a session cookie hides its content, and each encryption is different", async () => {
    const { encrypt } = cipherWith();
    const [one, other] = [await encrypt(), await encrypt()];
    expect(one).not.toBe(other);
    expect(Buffer.from(one, "base64url").toString("latin1")).not.toContain("something");
  });

  it("a session cookie is valid for its own purpose, with its own content, until it expires", async () => {
    const { cipher, clock, encrypt } = cipherWith();
    const one = await encrypt();
    expect(await cipher.decrypt("sign-in", one, schema)).toBeUndefined();
    expect(await cipher.decrypt("session", one, v.object({ other: v.string() }))).toBeUndefined();
    clock.advance(3_599_000);
    expect(await cipher.decrypt("session", one, schema)).toEqual(CONTENT);
    clock.advance(1_000);
    expect(await cipher.decrypt("session", one, schema)).toBeUndefined();
  });

  it("a session cookie with any other character is rejected, and so is any other text", async () => {
    const { cipher, encrypt } = cipherWith();
    const one = await encrypt();
    for (let at = 0; at < one.length; at += 1) {
      const changed = `${one.slice(0, at)}${one[at] === "A" ? "B" : "A"}${one.slice(at + 1)}`;
      expect(await cipher.decrypt("session", changed, schema), `character ${at}`).toBeUndefined();
    }
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary" }), async (text) => {
        expect(await cipher.decrypt("session", text, schema)).toBeUndefined();
      }),
    );
  });

  it("unencrypted JSON, another algorithm and malformed text are rejected", async () => {
    const { cipher, clock } = cipherWith();
    const key = Buffer.from(KEYS.NEW.slice(0, 32));
    const none = await new EncryptJWT({ content: CONTENT })
      .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
      .setAudience("session")
      .setExpirationTime(clock.now() / 1_000 + 60)
      .encrypt(key);
    // This token is encrypted with the secret itself, not with the key derived from it.
    expect((await compactDecrypt(none, key)).plaintext.length).toBeGreaterThan(10);
    for (const one of [none, JSON.stringify({ content: CONTENT }), "e30.e30.", ".....", ""]) {
      expect(await cipher.decrypt("session", one, schema)).toBeUndefined();
    }
  });

  it("a session cookie is not encrypted with a key that could be guessed", async () => {
    const { encrypt } = cipherWith({ current: "env:SHORT", next: "env:OLD" });
    await expect(encrypt()).rejects.toMatchObject({ code: "configuration_invalid" });
  });
});
