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

function sealed(sealedBy = { current: "env:NEW", next: "env:OLD" }, clock = testClock()) {
  const seal = new SessionCookieCipher({ secrets: secretsOf(KEYS), sealedBy, clock });
  const hour = laterBy(clock.now(), 3_600_000);
  return { seal, clock, close: () => seal.encrypt("session", CONTENT, hour) };
}

describe("a seal", () => {
  it("gives back what was put in, to whoever has one of the live keys, and to nobody else", async () => {
    const [both, old] = [sealed(), sealed({ current: "env:OLD", next: "env:OLD" })];
    expect(await both.seal.decrypt("session", await both.close(), schema)).toEqual(CONTENT);
    expect(await both.seal.decrypt("session", await old.close(), schema)).toEqual(CONTENT);
    expect(await old.seal.decrypt("session", await both.close(), schema)).toBeUndefined();
  });

  it("hides what is in it, and is another each time", async () => {
    const { close } = sealed();
    const [one, other] = [await close(), await close()];
    expect(one).not.toBe(other);
    expect(Buffer.from(one, "base64url").toString("latin1")).not.toContain("something");
  });

  it("opens for its own purpose, with its own content, until its end", async () => {
    const { seal, clock, close } = sealed();
    const one = await close();
    expect(await seal.decrypt("sign-in", one, schema)).toBeUndefined();
    expect(await seal.decrypt("session", one, v.object({ other: v.string() }))).toBeUndefined();
    clock.advance(3_599_000);
    expect(await seal.decrypt("session", one, schema)).toEqual(CONTENT);
    clock.advance(1_000);
    expect(await seal.decrypt("session", one, schema)).toBeUndefined();
  });

  it("is broken by any other character, and by any text that is none", async () => {
    const { seal, close } = sealed();
    const one = await close();
    for (let at = 0; at < one.length - 1; at += 1) {
      const changed = `${one.slice(0, at)}${one[at] === "A" ? "B" : "A"}${one.slice(at + 1)}`;
      expect(await seal.decrypt("session", changed, schema), `character ${at}`).toBeUndefined();
    }
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary" }), async (text) => {
        expect(await seal.decrypt("session", text, schema)).toBeUndefined();
      }),
    );
  });

  it("is opened by no way but its own: not unsealed JSON, not another algorithm, not one without an end", async () => {
    const { seal, clock } = sealed();
    const key = Buffer.from(KEYS.NEW.slice(0, 32));
    const none = await new EncryptJWT({ content: CONTENT })
      .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
      .setAudience("session")
      .setExpirationTime(clock.now() / 1_000 + 60)
      .encrypt(key);
    // Its key is the text itself, and not what is made of it.
    expect((await compactDecrypt(none, key)).plaintext.length).toBeGreaterThan(10);
    for (const one of [none, JSON.stringify({ content: CONTENT }), "e30.e30.", ".....", ""]) {
      expect(await seal.decrypt("session", one, schema)).toBeUndefined();
    }
  });

  it("is not made with a key that could be guessed", async () => {
    const { close } = sealed({ current: "env:SHORT", next: "env:OLD" });
    await expect(close()).rejects.toMatchObject({ code: "configuration_invalid" });
  });
});
