import { createHmac, createPublicKey, generateKeyPairSync, randomBytes } from "node:crypto";
import fc from "fast-check";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { noReplayCache } from "../../../../shared/store/replay-cache.ts";
import { memoryReplayCache } from "../../../support/memory-stores.ts";
import { testClock } from "../../../support/test-doubles.ts";
import { b64, NOW } from "../tokens.ts";
import {
  BRIDGE,
  bindingSays,
  holderKey,
  type ProofChanges,
  proofOf,
  requestOf,
  sha256,
  signProof,
  type Tried,
  tokenWith,
} from "./binding.ts";

const key = holderKey();
const other = holderKey();
const cnf = { jkt: key.thumbprint };
const token = tokenWith({ cnf });
const good = proofOf(token, key);
const EMBEDDED = { typ: "dpop+jwt", alg: "ES256", jwk: key.jwk };
const CLAIMS = { jti: "proof-1", htm: "POST", htu: BRIDGE, iat: NOW - 1, ath: sha256(token) };

/** A request as a sender with DPoP makes it. */
const sent = (proof: string, changes: Parameters<typeof requestOf>[0] = {}): Tried => ({
  presented: { scheme: "dpop", token, request: requestOf({ ...changes, header: { dpop: proof, ...changes.header } }) },
  claims: { cnf },
});

const changed = (changes: ProofChanges): Tried => sent(proofOf(token, key, changes));

/** A proof of a sender that takes the public key for a shared secret. */
function withHmac(): string {
  const pem = createPublicKey(key.privateKey).export({ type: "spki", format: "pem" });
  const input = `${b64(JSON.stringify({ ...EMBEDDED, alg: "HS256" }))}.${b64(JSON.stringify(CLAIMS))}`;
  return `${input}.${createHmac("sha256", pem).update(input).digest("base64url")}`;
}

const octets = randomBytes(32).toString("base64url");
const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey.export({ format: "jwk" });

describe("a DPoP proof", () => {
  it.each([
    ["a good proof", sent(good)],
    ["a proof that the entry requires", { ...sent(good), entry: { proof: "dpop" } }],
    ["iat as old as is allowed", changed({ claims: { iat: NOW - 65 } })],
    ["iat ahead by the skew", changed({ claims: { iat: NOW + 5 } })],
    ["iat with a fraction", changed({ claims: { iat: NOW - 0.5 } })],
    [
      "htu in another spelling of the same address",
      changed({ claims: { htu: "HTTPS://Bridge.Example.test:443/x/../webhooks/ci" } }),
    ],
    ["htu with query and fragment, which do not count", changed({ claims: { htu: `${BRIDGE}?a=1#b` } })],
    ["a request with a query, which is not in htu", sent(good, { url: new URL(`${BRIDGE}?token=no`) })],
    ["claims that the bridge does not use", changed({ claims: { nonce: "n", extra: [1] } })],
    [
      "htu with the public address if the bridge sees another",
      {
        ...sent(proofOf(token, key, { claims: { htu: "https://public.example.test/prod/webhooks/ci" } })),
        deps: { publicUrl: "https://public.example.test/prod" },
      },
    ],
  ] as const satisfies readonly (readonly [string, Tried])[])("a DPoP proof is accepted: %s", async (_, tried) => {
    expect(await bindingSays(tried)).toBe("accepted");
  });

  it.each(["ES256", "RS256", "PS256", "EdDSA", "Ed25519"] as const)(
    "a DPoP proof is accepted with a key for %s",
    async (alg) => {
      const holder = holderKey(alg);
      const bound = { jkt: holder.thumbprint };
      const tried = { ...sent(proofOf(token, holder)), claims: { cnf: bound } };
      expect(await bindingSays(tried)).toBe("accepted");
      expect(await bindingSays({ ...sent(proofOf(token, holder)), claims: { cnf } })).toMatch(
        /^proof_invalid: jwk is not/,
      );
    },
  );

  it.each([
    ["no proof", { ...sent(good), presented: { scheme: "dpop", token, request: requestOf() } }, "proof_missing"],
    [
      "the token as plain Bearer",
      { claims: { cnf }, presented: { scheme: "bearer", token, request: requestOf() } },
      "proof_missing",
    ],
    [
      "the token as Bearer, the proof beside it",
      { claims: { cnf }, presented: { scheme: "bearer", token, request: requestOf({ header: { dpop: good } }) } },
      "proof_missing",
    ],
    ["a token that is bound to no key", { ...sent(good), claims: {} }, "proof_invalid: the token is not bound"],
    [
      "an unbound token if the entry requires a proof",
      { ...sent(good), claims: {}, entry: { proof: "dpop" } },
      "claim_missing: cnf.jkt",
    ],
    [
      "an unbound Bearer if the entry requires a proof",
      { presented: { scheme: "bearer", token, request: requestOf() }, entry: { proof: "dpop" } },
      "claim_missing: cnf.jkt",
    ],
    ["two headers", sent(`${good}, ${good}`), "proof_invalid: the header"],
    ["an empty header", sent(""), "proof_invalid: the header"],
    ["not three parts", sent(`${good}.x`), "proof_invalid: the header"],
    ["padding", sent(`${good}=`), "proof_invalid: the header"],
    [
      "a member twice",
      sent(signProof(`{"typ":"dpop+jwt","alg":"ES256","alg":"ES256","jwk":${JSON.stringify(key.jwk)}}`, CLAIMS, key)),
      "proof_invalid: the header",
    ],
    ["crit", changed({ header: { crit: ["b64"], b64: true } }), "proof_invalid: the header"],
    ["x5c beside jwk", changed({ header: { x5c: ["MIIB"] } }), "proof_invalid: the header"],
    ["jku beside jwk", changed({ header: { jku: "https://evil.example.test/keys" } }), "proof_invalid: the header"],
    ["typ of a plain token", changed({ header: { typ: "JWT" } }), "proof_invalid: typ"],
    ["no typ", changed({ header: { typ: undefined } }), "proof_invalid: typ"],
    ["HS256 with the public key as secret", sent(withHmac()), "proof_invalid: alg"],
    ["alg none", changed({ header: { alg: "none" } }), "proof_invalid: alg"],
    ["alg in another case", changed({ header: { alg: "es256" } }), "proof_invalid: alg"],
    ["alg of another kind of key", changed({ header: { alg: "RS256" } }), "proof_invalid: jwk is not the key"],
    ["no jwk", changed({ header: { jwk: undefined } }), "proof_invalid: jwk is not a public key"],
    [
      "a private jwk",
      changed({ header: { jwk: key.privateKey.export({ format: "jwk" }) } }),
      "proof_invalid: jwk is not a public key",
    ],
    [
      "a shared secret as jwk",
      changed({ header: { jwk: { kty: "oct", k: octets } } }),
      "proof_invalid: jwk is not a public key",
    ],
    ["a jwk that is not an object", changed({ header: { jwk: "key" } }), "proof_invalid: jwk is not a public key"],
    [
      "a jwk that lacks a coordinate",
      changed({ header: { jwk: { ...key.jwk, y: undefined } } }),
      "proof_invalid: jwk is not the key",
    ],
    ["a point on another curve", changed({ header: { jwk: p384 } }), "proof_invalid: jwk is not the key"],
    ["another's key, rightly signed with it", sent(proofOf(token, other)), "proof_invalid: jwk is not the key"],
    ["another's signature", changed({ signer: other }), "proof_invalid: the signature"],
    ["another method", changed({ claims: { htm: "GET" } }), "proof_invalid: htm"],
    ["the method in lower case", changed({ claims: { htm: "post" } }), "proof_invalid: htm"],
    ["another path", changed({ claims: { htu: `${BRIDGE}/` } }), "proof_invalid: htu"],
    ["another host", changed({ claims: { htu: BRIDGE.replace("bridge", "evil") } }), "proof_invalid: htu"],
    ["another scheme", changed({ claims: { htu: BRIDGE.replace("https", "http") } }), "proof_invalid: htu"],
    ["another port", changed({ claims: { htu: BRIDGE.replace(".test/", ".test:8443/") } }), "proof_invalid: htu"],
    ["user info", changed({ claims: { htu: BRIDGE.replace("//", "//a@") } }), "proof_invalid: htu"],
    ["no address", changed({ claims: { htu: "/webhooks/ci" } }), "proof_invalid: htu"],
    [
      "the address of the request if the bridge has another public address",
      { ...sent(good), deps: { publicUrl: "https://public.example.test" } },
      "proof_invalid: htu",
    ],
    ["a second too old", changed({ claims: { iat: NOW - 66 } }), "proof_invalid: iat is too long ago"],
    ["from the future", changed({ claims: { iat: NOW + 6 } }), "proof_invalid: iat is in the future"],
    ["iat as text", changed({ claims: { iat: String(NOW) } }), "proof_invalid: jti"],
    [
      "iat that is infinite",
      sent(signProof(EMBEDDED, JSON.stringify(CLAIMS).replace(/"iat":\d+/, '"iat":1e999'), key)),
      "proof_invalid: jti",
    ],
    ["no iat", changed({ claims: { iat: undefined } }), "proof_invalid: jti"],
    ["no jti", changed({ claims: { jti: undefined } }), "proof_invalid: jti"],
    ["an empty jti", changed({ claims: { jti: "" } }), "proof_invalid: jti"],
    ["no ath", changed({ claims: { ath: undefined } }), "proof_invalid: jti"],
    ["ath of another token", changed({ claims: { ath: sha256("another") } }), "proof_invalid: ath"],
    ["ath in hex", changed({ claims: { ath: sha256(token, "hex") } }), "proof_invalid: ath"],
    ["claims that are not an object", sent(signProof(EMBEDDED, "[]", key)), "proof_invalid: the header"],
  ] as const satisfies readonly (readonly [string, Tried, string])[])(
    "a DPoP proof is rejected: %s",
    async (_, tried, says) => {
      expect(await bindingSays(tried)).toMatch(new RegExp(`^${says}`));
    },
  );

  it("a DPoP proof with an RSA key that is too short is rejected, even if the token names that key", async () => {
    const short = holderKey("RS256", 1024);
    const tried = { ...sent(proofOf(token, short)), claims: { cnf: { jkt: short.thumbprint } } };
    expect(await bindingSays(tried)).toMatch(/^proof_invalid: jwk/);
  });

  it("a DPoP proof is good for one request, even for the same bytes of a delivery", async () => {
    const deps = { replayCache: memoryReplayCache() };
    const again = { ...sent(good, { repeatable: true }), deps };
    expect(await bindingSays(again)).toBe("accepted");
    expect(await bindingSays(again)).toBe("token_replayed");
    expect(await bindingSays({ ...changed({ claims: { jti: "proof-2" } }), deps })).toBe("accepted");
  });

  it("a DPoP proof of one sender does not use up the jti of another", async () => {
    const deps = { replayCache: memoryReplayCache() };
    expect(await bindingSays({ ...sent(good), deps })).toBe("accepted");
    const others = { ...sent(proofOf(token, other)), claims: { cnf: { jkt: other.thumbprint } }, deps };
    expect(await bindingSays(others)).toBe("accepted");
  });

  it("an invalid DPoP proof uses up no jti", async () => {
    const deps = { replayCache: memoryReplayCache() };
    expect(await bindingSays({ ...changed({ claims: { htm: "GET" } }), deps })).toMatch(/^proof_invalid/);
    expect(await bindingSays({ ...sent(good), deps })).toBe("accepted");
  });

  it("a DPoP proof is a configuration fault without a replay cache", async () => {
    await expect(bindingSays({ ...sent(good), deps: { replayCache: noReplayCache } })).rejects.toMatchObject({
      code: "configuration_invalid",
    });
  });

  it("a DPoP proof is remembered for as long as it would be accepted", async () => {
    const clock = testClock();
    const taken: number[] = [];
    const replayCache = { take: async (...[, , until]: [string, string, number]) => taken.push(until) > 0 };
    expect(await bindingSays({ ...sent(good), deps: { replayCache, clock } })).toBe("accepted");
    const [until = 0] = taken;
    clock.advance((until - NOW) * 1_000);
    expect(await bindingSays({ ...sent(good), deps: { clock } })).toBe("accepted");
    clock.advance(1_000);
    expect(await bindingSays({ ...sent(good), deps: { clock } })).toMatch(/too long ago/);
  });

  it("a DPoP proof made by jose is accepted, and its thumbprint is that of jose", async () => {
    const { privateKey, publicKey } = await generateKeyPair("ES384");
    const jwk = await exportJWK(publicKey);
    const proof = await new SignJWT({ ...CLAIMS })
      .setProtectedHeader({ typ: "dpop+jwt", alg: "ES384", jwk })
      .sign(privateKey);
    const tried = { ...sent(proof), claims: { cnf: { jkt: await calculateJwkThumbprint(jwk) } } };
    expect(await bindingSays(tried)).toBe("accepted");
  });

  it("a DPoP proof is rejected with any single member of it changed", async () => {
    const text = fc.string({ minLength: 1 });
    const member = fc.oneof(
      fc.record({ htm: text }),
      fc.record({ htu: fc.oneof(text, fc.webUrl()) }),
      fc.record({ iat: fc.oneof(fc.integer({ max: NOW - 66 }), fc.integer({ min: NOW + 6 })) }),
      fc.record({ ath: text }),
      fc.record({ jti: fc.oneof(fc.constant(""), fc.integer(), fc.constant(null)) }),
    );
    await fc.assert(
      fc.asyncProperty(member, async (claims) => {
        expect(await bindingSays(changed({ claims }))).toMatch(/^proof_invalid/);
      }),
    );
  });

  it("a DPoP proof is rejected with any single character of it changed", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.constantFrom(..."ABCabc019-_.= "), async (at, character) => {
        fc.pre(good[at] !== character);
        const forged = `${good.slice(0, at)}${character}${good.slice(at + 1)}`;
        expect(await bindingSays(sent(forged))).toMatch(/^proof_invalid/);
      }),
    );
  });
});
