import { createPublicKey, generateKeyPairSync } from "node:crypto";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { jwtKeysOf } from "../../../../shared/cli/kong/jwt-keys.ts";
import { ALGORITHMS } from "../../../../shared/identity/algorithms.ts";
import { publicKeySet } from "../../../../shared/identity/public-key-set.ts";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" });
const ed = generateKeyPairSync("ed25519");
const jwk = ({ publicKey }: { readonly publicKey: typeof rsa.publicKey }, more: object) => ({
  ...publicKey.export({ format: "jwk" }),
  ...more,
});
const read = (keys: readonly object[], algorithms = ALGORITHMS) =>
  jwtKeysOf(v.parse(publicKeySet, { keys }), { algorithms });

describe("keys of an issuer at Kong", () => {
  it.each([
    ["RSA with alg", rsa, { alg: "PS384" }, "PS384"],
    ["RSA without alg", rsa, {}, "RS256"],
    ["EC P-256", ec, { alg: "ES256" }, "ES256"],
    ["EC P-384 without alg", p384, {}, "ES384"],
    ["Ed25519 by its newer name", ed, { alg: "Ed25519" }, "EdDSA"],
    ["Ed25519 without alg", ed, { use: "sig" }, "EdDSA"],
  ])("%s is the same key in PEM", (_, pair, more, algorithm) => {
    const { keys, skipped } = read([jwk(pair, { kid: "k", ...more })]);
    expect(skipped).toEqual([]);
    expect(keys).toMatchObject([{ kid: "k", algorithm }]);
    expect(createPublicKey(keys[0]?.pem ?? "").equals(pair.publicKey)).toBe(true);
  });

  it.each([
    ["for encryption", jwk(rsa, { kid: "k", use: "enc" })],
    ["not for verification", jwk(rsa, { kid: "k", key_ops: ["encrypt"] })],
    ["without a kid", jwk(rsa, {})],
    ["of another algorithm than its kind", jwk(ec, { kid: "k", alg: "RS256" })],
    ["of an unknown kind", { kty: "oct", kid: "k" }],
    ["that is no key", { kty: "EC", crv: "P-256", x: "AA", y: "AA", kid: "k" }],
    ["that is short", jwk(generateKeyPairSync("rsa", { modulusLength: 1024 }), { kid: "k" })],
  ])("a key %s is left out, with the reason", (_, key) => {
    const { keys, skipped } = read([key]);
    expect(keys).toEqual([]);
    expect(skipped).toHaveLength(1);
  });

  it("a key whose algorithm the trust entry does not accept is left out", () => {
    expect(jwtKeysOf(v.parse(publicKeySet, { keys: [jwk(ec, { kid: "k" })] }), { algorithms: ["RS256"] }).keys).toEqual(
      [],
    );
  });

  it("of two keys with one kid the first counts", () => {
    const { keys, skipped } = read([jwk(ec, { kid: "k" }), jwk(rsa, { kid: "k" })]);
    expect(keys).toMatchObject([{ algorithm: "ES256" }]);
    expect(skipped).toEqual(["key k: another key of the set has this kid"]);
  });

  it.each([
    ["a private key", { ...rsa.privateKey.export({ format: "jwk" }), kid: "k" }],
    ["a shared key", { kty: "oct", k: "c2VjcmV0", kid: "k" }],
  ])("a set with %s is refused as a whole", (_, key) => {
    expect(() => read([jwk(ec, { kid: "good" }), key])).toThrow();
  });
});
