import { createHash, createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";
import fc from "fast-check";
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import { rawOfDer } from "../../../shared/aws/kms-signing-key.ts";
import { Secret } from "../../../shared/host/secrets.ts";
import { namedPrincipal } from "../../../shared/model/principal.ts";
import { BridgeIssuer, type Cause } from "../../../shared/outbound/issuer.ts";
import { localSigningKey, type SigningKey } from "../../../shared/outbound/signing-key.ts";
import { testClock } from "../../support/test-doubles.ts";

const ISSUER = "https://bridge.example.test";
const clock = testClock();
const pemOf = (key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey): Secret =>
  new Secret(String(key.export({ type: "pkcs8", format: "pem" })));

const cause: Cause = {
  principal: namedPrincipal({
    issuer: "https://gitlab.example.test",
    subject: "project_path:platform/docs",
    trustEntry: "gitlab-jobs",
  }),
};
const request = { delivery: "d-twp4klpzkhwviq4i4tluhixvtv", route: "docs", body: '{"title":"Überblick"}' };

type OpenKey = () => Promise<SigningKey>;

function issuerOf(...keys: readonly OpenKey[]): BridgeIssuer {
  let made = 0;
  return new BridgeIssuer({ issuer: ISSUER, keys, newTokenId: () => `token-${++made}`, hasTokenEndpoint: false });
}

const keySetOf = async (issuer: BridgeIssuer) => createLocalJWKSet((await issuer.keySet()) as JSONWebKeySet);

describe("a token of the bridge", () => {
  it("a token of the bridge is verified by another library with the published keys, and names who caused the call", async () => {
    const key = await localSigningKey(pemOf());
    const issuer = issuerOf(async () => key);
    const { token, expiresAt } = await issuer.mint(
      { audience: "https://el.example.test", cause, request },
      clock.now(),
    );
    const { payload, protectedHeader } = await jwtVerify(token.reveal(), await keySetOf(issuer), {
      issuer: ISSUER,
      audience: "https://el.example.test",
      algorithms: ["ES256"],
      // The verifier's clock is behind.
      currentDate: new Date(clock.now() - 5_000),
    });
    expect(protectedHeader).toEqual({ alg: "ES256", typ: "JWT", kid: key.kid });
    expect(payload).toEqual({
      iss: ISSUER,
      sub: "gitlab-jobs:project_path:platform/docs",
      trust_entry: "gitlab-jobs",
      aud: "https://el.example.test",
      iat: clock.now() / 1000,
      nbf: clock.now() / 1000 - 30,
      exp: clock.now() / 1000 + 600,
      jti: "token-1",
      act: { iss: ISSUER, sub: "drawbridge" },
      principal: { iss: "https://gitlab.example.test", sub: "project_path:platform/docs" },
      delivery: "d-twp4klpzkhwviq4i4tluhixvtv",
      route: "docs",
      body_sha256: createHash("sha256").update(Buffer.from(request.body)).digest("base64url"),
    });
    expect(expiresAt - clock.now()).toBe(600_000);
  });

  it("the token of a replay names who asked for it, and who sent the original", async () => {
    const issuer = issuerOf(async () => localSigningKey(pemOf()));
    const dana = namedPrincipal({ issuer: "https://login.example.test", subject: "dana", trustEntry: "people" });
    const wiki = namedPrincipal({ issuer: "drawbridge:source", subject: "wiki" });
    const claimsWith = async (replay: Cause["replay"]) => {
      const replayed = { principal: dana, ...(replay && { replay }) };
      const { token } = await issuer.mint({ audience: "a", cause: replayed, request }, clock.now());
      return decodeJwt(token.reveal());
    };
    const replay = { of: "d-1", routes: ["docs"], isRollback: true, actor: "ff80aa01" };
    const claims = await claimsWith({ ...replay, principal: wiki });
    expect(claims).toMatchObject({ sub: "people:dana", trust_entry: "people" });
    const original = { sub: "source:wiki", principal: { iss: "drawbridge:source", sub: "wiki" } };
    expect(claims["replay"]).toEqual({ of: "d-1", ...original, actor: "ff80aa01", rollback: true });
    // A replay that an earlier release recorded does not name the sender of its original.
    expect((await claimsWith(replay))["replay"]).toEqual({ of: "d-1", actor: "ff80aa01", rollback: true });
  });

  it("the discovery document lists every claim of a token", async () => {
    const issuer = issuerOf(async () => localSigningKey(pemOf()));
    const replay = { of: "d-1", routes: ["docs"], isRollback: false };
    const { token } = await issuer.mint({ audience: "a", cause: { ...cause, replay }, request }, clock.now());
    const claims = Object.keys(decodeJwt(token.reveal()));
    expect(issuer.discovery()).toMatchObject({ claims_supported: expect.arrayContaining(claims) });
  });

  it("a token of the bridge is valid for its audience alone, and for ten minutes at most", async () => {
    const key = await localSigningKey(pemOf());
    const issuer = issuerOf(async () => key);
    const { token } = await issuer.mint({ audience: "a", cause, request }, clock.now());
    const keys = await keySetOf(issuer);
    const currentDate = new Date(clock.now());
    await expect(jwtVerify(token.reveal(), keys, { audience: "b", currentDate })).rejects.toMatchObject({
      claim: "aud",
    });
    const later = new Date(clock.now() + 600_001);
    await expect(jwtVerify(token.reveal(), keys, { audience: "a", currentDate: later })).rejects.toMatchObject({
      code: "ERR_JWT_EXPIRED",
    });
  });

  it("a token is signed by the first key while all keys are published, so that a rotation overlaps", async () => {
    const [old, next] = [await localSigningKey(pemOf()), await localSigningKey(pemOf())];
    const before = issuerOf(
      async () => old,
      async () => next,
    );
    const after = issuerOf(
      async () => next,
      async () => old,
    );
    const tokens = [
      await before.mint({ audience: "a", cause, request }, clock.now()),
      await after.mint({ audience: "a", cause, request }, clock.now()),
    ];
    expect(tokens.map(({ token }) => decodeProtectedHeader(token.reveal()).kid)).toEqual([old.kid, next.kid]);
    for (const issuer of [before, after]) {
      const keys = await keySetOf(issuer);
      for (const { token } of tokens) {
        await expect(jwtVerify(token.reveal(), keys, { currentDate: new Date(clock.now()) })).resolves.toBeDefined();
      }
    }
  });

  it("no private half of a key is published", async () => {
    const issuer = issuerOf(() => localSigningKey(pemOf()));
    const { keys } = (await issuer.keySet()) as JSONWebKeySet;
    expect(keys.map((key) => Object.keys(key).sort())).toEqual([["alg", "crv", "kid", "kty", "use", "x", "y"]]);
  });

  it("a further key that cannot be read is left out of the published keys until it can be read", async () => {
    const [first, retired] = [await localSigningKey(pemOf()), await localSigningKey(pemOf())];
    let isThere = false;
    const second: OpenKey = async () => {
      if (isThere) return retired;
      throw new Error("the file is gone");
    };
    const issuer = issuerOf(async () => first, second);
    const kids = async () => ((await issuer.keySet()) as JSONWebKeySet).keys.map(({ kid }) => kid);
    const { token } = await issuer.mint({ audience: "a", cause, request }, clock.now());
    expect(decodeProtectedHeader(token.reveal()).kid).toBe(first.kid);
    expect(await kids()).toEqual([first.kid]);
    isThere = true;
    expect(await kids()).toEqual([first.kid, retired.kid]);
  });

  it("no token is signed by the second key if the first cannot be read, and nothing is published", async () => {
    const second = await localSigningKey(pemOf());
    const issuer = issuerOf(
      () => Promise.reject(new Error("not now")),
      async () => second,
    );
    await expect(issuer.mint({ audience: "a", cause, request }, clock.now())).rejects.toThrow("not now");
    await expect(issuer.keySet()).rejects.toThrow("not now");
    // A fault that nobody waits for yet would end the process.
    const slow = () => new Promise<SigningKey>((resolve) => setTimeout(() => resolve(second), 1));
    await expect(issuerOf(() => Promise.reject(new Error("not now")), slow).keySet()).rejects.toThrow("not now");
    await expect(issuerOf().keySet()).rejects.toMatchObject({ code: "secret_unavailable" });
  });

  it("a key is published once under its key id, however often it is listed", async () => {
    const pem = pemOf();
    const issuer = issuerOf(...[1, 2].map(() => () => localSigningKey(pem)));
    expect(((await issuer.keySet()) as JSONWebKeySet).keys).toHaveLength(1);
  });

  it("a key that could not be read is read again for the next token", async () => {
    const key = await localSigningKey(pemOf());
    let tries = 0;
    const issuer = issuerOf(async () => {
      tries += 1;
      if (tries === 1) throw new Error("not now");
      return key;
    });
    await expect(issuer.mint({ audience: "a", cause, request }, clock.now())).rejects.toThrow("not now");
    await expect(issuer.mint({ audience: "a", cause, request }, clock.now())).resolves.toBeDefined();
  });
});

describe("a signing key", () => {
  it.each([
    ["text that is not PEM", new Secret("not a key")],
    ["an RSA key", pemOf(generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey)],
    ["another curve", pemOf(generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey)],
  ])("a signing key is not made of %s, and the text stays out of the fault", async (_, pem) => {
    const fault = await localSigningKey(pem).catch((error: unknown) => error);
    expect(fault).toMatchObject({ code: "secret_unavailable" });
    expect(JSON.stringify(fault, Object.getOwnPropertyNames(fault))).not.toContain(pem.reveal().slice(0, 20));
  });
});

describe("a signature of KMS", () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

  it("a signature of KMS has the same numbers in the form of a JWS", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), (bytes) => {
        const raw = rawOfDer(sign("sha256", bytes, privateKey));
        const key = { key: createPublicKey(privateKey), dsaEncoding: "ieee-p1363" as const };
        expect(raw).toHaveLength(64);
        expect(verify("sha256", bytes, key, raw)).toBe(true);
      }),
      // One number in 256 is a byte shorter.
      { numRuns: 1_500 },
    );
  });

  it("a signature of KMS is rejected if bytes follow it", () => {
    const der = sign("sha256", Buffer.from("a"), privateKey);
    expect(() => rawOfDer(Buffer.concat([der, Buffer.from([0])]))).toThrow();
  });
});
