import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { entryOf, keySetOf, type SigningKey, signingKey, tokenOf } from "./tokens.ts";
import { reasonOf, verify } from "./verifying.ts";

const A = "https://a.example.test";
const B = "https://b.example.test";
const keyA = signingKey("k1");
const keyB = signingKey("k1");
const stranger = signingKey("k1");
const published = (...keys: SigningKey[]) => ({ jwks: { inline: keySetOf(...keys) } });
const standard = { a: entryOf({ issuer: A, ...published(keyA) }), b: entryOf({ issuer: B, ...published(keyB) }) };
const good = tokenOf(A, keyA);

describe("trust entries", () => {
  const theirs = entryOf({ issuer: A, audience: "other", ...published(keyB) });
  const ours = entryOf({ issuer: A, ...published(keyA) });
  const unreachable = entryOf({ issuer: A, jwks: { url: "https://keys.example.test/jwks" } });

  it("a trust entry counts only if the source names it", async () => {
    expect(await reasonOf(good, standard, ["b"])).toBe("issuer_unknown");
    expect(await reasonOf(good, standard, [])).toBe("issuer_unknown");
  });

  it("trust entries may share an issuer, as two clusters do, and the one whose keys fit decides", async () => {
    for (const names of [
      ["theirs", "ours"],
      ["ours", "theirs"],
    ]) {
      expect(await verify(good, { theirs, ours }, names)).toMatchObject({
        value: { principal: { trustEntry: "ours" } },
      });
      expect(await reasonOf(tokenOf(A, keyB), { theirs, ours }, names)).toBe("audience_mismatch");
      expect(await reasonOf(tokenOf(A, stranger), { theirs, ours }, names)).toBe("token_signature_invalid");
    }
  });

  it("a token that an unreachable entry might accept is not rejected, and a good token does not wait for that entry", async () => {
    await expect(verify(tokenOf(A, keyB), { unreachable, ours })).rejects.toMatchObject({ code: "keys_unavailable" });
    expect(await reasonOf(good, { unreachable, ours })).toBe("accepted");
  });

  it("a token of an unknown issuer or of the wrong shape causes no fetch of keys", async () => {
    expect(await reasonOf(tokenOf(`${A}/`, keyA), { unreachable })).toBe("issuer_unknown");
    expect(await reasonOf(`${good}\n`, { unreachable })).toBe("token_malformed");
    const withAddress = tokenOf(A, keyA, { header: { jku: "https://keys.example.test/jwks" } });
    expect(await reasonOf(withAddress, { unreachable })).toBe("token_header_forbidden");
  });

  it("a trust entry that a source names and nobody configured is a fault", async () => {
    await expect(verify(good, standard, ["missing"])).rejects.toMatchObject({ code: "configuration_invalid" });
  });

  it("a key that is too short to verify with is the issuer's fault", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
    const { kty = "", ...members } = publicKey.export({ format: "jwk" });
    const short: SigningKey = { alg: "RS256", kid: "short", privateKey, jwk: { ...members, kty, kid: "short" } };
    const entry = entryOf({ issuer: A, ...published(short) });
    const fault = await verify(tokenOf(A, short), { entry }).catch((error: unknown) => error);
    expect(fault).toMatchObject({ code: "keys_unavailable" });
    expect(fault).not.toHaveProperty("cause");
  });
});
