import { createHmac, createPublicKey } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AUDIENCE, b64, entryOf, keySetOf, NOW, type SigningKey, signingKey, signText, tokenOf } from "./tokens.ts";
import { reasonOf, verify } from "./verifying.ts";

const A = "https://a.example.test";
const B = "https://b.example.test";
const keyA = signingKey("k1");
const keyB = signingKey("k1");
const rsa = signingKey("RSA_0", "RS256");
const stranger = signingKey("k1");
const published = (...keys: SigningKey[]) => ({ jwks: { inline: keySetOf(...keys) } });
const standard = { a: entryOf({ issuer: A, ...published(keyA, rsa) }), b: entryOf({ issuer: B, ...published(keyB) }) };

const good = tokenOf(A, keyA);
const [goodHeader = "", goodClaims = "", goodSignature = ""] = good.split(".");
const claims = (changes: object) => tokenOf(A, keyA, { claims: changes });
const header = (changes: object) => tokenOf(A, keyA, { header: changes });
/** A token whose claims are this text, for numbers and repeats that `JSON.stringify` does not write. */
const claimsText = (times: string) =>
  signText('{"alg":"ES256","kid":"k1"}', `{"iss":"${A}","aud":"${AUDIENCE}",${times}}`, keyA);
const hmacToken = (key: string | Buffer) => {
  const input = `${b64('{"alg":"HS256","kid":"RSA_0"}')}.${goodClaims}`;
  return `${input}.${createHmac("sha256", key).update(input).digest("base64url")}`;
};
const rsaPublic = createPublicKey(rsa.privateKey);
const derSignature = b64(Buffer.concat([Buffer.from("3044022000", "hex"), Buffer.from(goodSignature, "base64url")]));
const halves = Buffer.from(goodSignature, "base64url");

describe("a verified token", () => {
  it("becomes a principal of its trust entry", async () => {
    const ci = entryOf({ issuer: A, roles: ["status"], ...published(keyA) });
    expect(await verify(tokenOf(A, keyA, { claims: { sub: "job:7" } }), { ci })).toMatchObject({
      ok: true,
      value: {
        principal: {
          issuer: A,
          subject: "job:7",
          method: "oidc",
          credential: "k1",
          trustEntry: "ci",
          roles: ["status"],
        },
        claims: { sub: "job:7", aud: AUDIENCE },
      },
    });
  });

  it("may lack a key id and a subject", async () => {
    const one = { a: entryOf({ issuer: A, ...published(keyA) }) };
    const token = tokenOf(A, keyA, { header: { kid: undefined }, claims: { sub: undefined } });
    expect(await verify(token, one)).toMatchObject({
      value: { principal: { credential: "unnamed key", subject: "no subject" } },
    });
  });

  it.each<[string, string]>([
    ["ES256", good],
    ["RS256", tokenOf(A, rsa)],
    ["several audiences, ours among them", claims({ aud: ["other", AUDIENCE] })],
    ["a time of expiry within the skew", claims({ exp: NOW - 4 })],
    ["a beginning within the skew", claims({ nbf: NOW + 5, iat: NOW + 5 })],
    ["times with fractions", claims({ iat: NOW - 0.5, exp: NOW + 100.25 })],
    ["no time of issue", claims({ iat: undefined })],
    ["the longest lifetime", claims({ iat: NOW - 10, exp: NOW + 3590 })],
    ["a claim called __proto__", claimsText(`"exp":${NOW + 9},"__proto__":{"sub":"admin"}`)],
  ])("may have %s", async (_name, token) => expect(await reasonOf(token, standard)).toBe("accepted"));
});

describe("a refused token", () => {
  const ours = { claims: [{ path: ["app", "installation", "id"], equals: ["ours", "also ours"] }] };
  const pinned = { a: entryOf({ issuer: A, ...ours, ...published(keyA) }) };

  it.each<[string, string, string]>([
    ["alg none, no signature", `${b64('{"alg":"none"}')}.${goodClaims}.`, "token_malformed"],
    ["alg none, any signature", header({ alg: "none" }), "algorithm_not_allowed"],
    ["alg nOnE", header({ alg: "nOnE" }), "algorithm_not_allowed"],
    ["alg empty", header({ alg: "" }), "token_malformed"],
    ["alg in other case", header({ alg: "es256" }), "algorithm_not_allowed"],
    ["alg __proto__", header({ alg: "__proto__" }), "algorithm_not_allowed"],
    [
      "HS256 with the public PEM",
      hmacToken(rsaPublic.export({ type: "spki", format: "pem" })),
      "algorithm_not_allowed",
    ],
    [
      "HS256 with the public DER",
      hmacToken(rsaPublic.export({ type: "spki", format: "der" })),
      "algorithm_not_allowed",
    ],
    ["HS256 with the JWK's text", hmacToken(JSON.stringify(rsa.jwk)), "algorithm_not_allowed"],
    [
      "an algorithm that fits the key and is not listed",
      header({ alg: "RS512", kid: "RSA_0" }),
      "algorithm_not_allowed",
    ],
    ["the key of another algorithm", header({ alg: "RS256" }), "key_unknown"],
    ["a key of its own", tokenOf(A, stranger, { header: { jwk: stranger.jwk } }), "token_header_forbidden"],
    ["a certificate of its own", tokenOf(A, stranger, { header: { x5c: ["AA"] } }), "token_header_forbidden"],
    ["an address of keys", header({ jku: "http://169.254.169.254/keys" }), "token_header_forbidden"],
    ["a path as key id", header({ kid: "../../../dev/null" }), "key_unknown"],
    ["a NUL byte in the key id", header({ kid: "k1\0" }), "key_unknown"],
    ["an empty key id", header({ kid: "" }), "key_unknown"],
    ["a huge key id", header({ kid: "k".repeat(10_000) }), "key_unknown"],
    ["a number as key id", header({ kid: 1 }), "token_malformed"],
    ["B's issuer, A's key of the same id", tokenOf(B, keyA), "token_signature_invalid"],
    ["a critical extension", header({ crit: ["exp"] }), "token_header_forbidden"],
    ["iss twice", claimsText(`"exp":${NOW + 9},"iss":"${B}"`), "token_malformed"],
    ["aud twice", claimsText(`"exp":${NOW + 9},"aud":"other"`), "token_malformed"],
    ["an issuer with a closing slash", claims({ iss: `${A}/` }), "issuer_unknown"],
    ["an issuer with a port", claims({ iss: `${A}:443` }), "issuer_unknown"],
    ["an issuer in upper case", claims({ iss: A.toUpperCase() }), "issuer_unknown"],
    ["an issuer with user info", claims({ iss: "https://a@a.example.test" }), "issuer_unknown"],
    ["an issuer in look-alike letters", claims({ iss: "https://\u0430.example.test" }), "issuer_unknown"],
    ["a list as issuer", claims({ iss: [A] }), "issuer_unknown"],
    ["no issuer", claims({ iss: undefined }), "issuer_unknown"],
    ["expired beyond the skew", claims({ exp: NOW - 5 }), "token_expired"],
    ["no exp", claims({ exp: undefined }), "claim_missing"],
    ["exp as text", claims({ exp: `${NOW + 60}` }), "claim_mismatch"],
    ["exp null", claims({ exp: null }), "claim_mismatch"],
    ["exp negative", claims({ exp: -1 }), "token_expired"],
    ["exp infinite", claimsText('"exp":1e999'), "claim_mismatch"],
    ["iat infinitely long ago", claimsText(`"exp":${NOW + 9},"iat":-1e999`), "claim_mismatch"],
    ["iat in the future", claims({ iat: NOW + 6 }), "token_not_yet_valid"],
    ["nbf in the future", claims({ nbf: NOW + 6 }), "token_not_yet_valid"],
    ["a lifetime of ten years", claims({ exp: NOW + 315_360_000 }), "token_lifetime_too_long"],
    ["a long life, hidden by leaving out iat", claims({ iat: undefined, exp: NOW + 3601 }), "token_lifetime_too_long"],
    ["another audience", claims({ aud: "https://other.example.test" }), "audience_mismatch"],
    ["no audience", claims({ aud: undefined }), "claim_missing"],
    ["an empty list of audiences", claims({ aud: [] }), "audience_mismatch"],
    ["an audience in a list in a list", claims({ aud: [[AUDIENCE]] }), "audience_mismatch"],
    ["a part of the audience", claims({ aud: AUDIENCE.slice(0, -1) }), "audience_mismatch"],
    ["audiences in one text", claims({ aud: `${AUDIENCE},other` }), "audience_mismatch"],
    ["the audience in upper case", claims({ aud: AUDIENCE.toUpperCase() }), "audience_mismatch"],
    ["a megabyte", `${good}${"A".repeat(1_000_000)}`, "token_too_large"],
    ["five segments", `${good}.AA.AA`, "token_malformed"],
    ["a token in a token", signText('{"alg":"ES256","kid":"k1","cty":"JWT"}', good, keyA), "token_malformed"],
    ["zip", header({ zip: "DEF" }), "token_header_forbidden"],
    ["the JSON form", `{"protected":"${goodHeader}","payload":"${goodClaims}"}`, "token_malformed"],
    ["r = s = 0", `${goodHeader}.${goodClaims}.${b64(Buffer.alloc(64))}`, "token_signature_invalid"],
    ["a DER signature", `${goodHeader}.${goodClaims}.${derSignature}`, "token_signature_invalid"],
    [
      "swapped halves",
      `${goodHeader}.${goodClaims}.${b64(Buffer.concat([halves.subarray(32), halves.subarray(0, 32)]))}`,
      "token_signature_invalid",
    ],
    ["a trailing newline", `${good}\n`, "token_malformed"],
    ["padding", `${good}==`, "token_malformed"],
    [
      "another token's signature",
      `${goodHeader}.${goodClaims}.${claims({ sub: "x" }).split(".")[2]}`,
      "token_signature_invalid",
    ],
    ["half a signature", `${goodHeader}.${goodClaims}.${b64(halves.subarray(0, 32))}`, "token_signature_invalid"],
    ["a subject that is no text", claims({ sub: { admin: true } }), "claim_mismatch"],
  ])("%s", async (_name, token, reason) => expect(await reasonOf(token, standard)).toBe(reason));

  it.each<[string, object, string]>([
    ["another value", { app: { installation: { id: "theirs" } } }, "claim_mismatch"],
    ["a longer value", { app: { installation: { id: "ours2" } } }, "claim_mismatch"],
    ["a list that holds the value", { app: { installation: { id: ["ours"] } } }, "claim_mismatch"],
    ["no value", { app: { installation: {} } }, "claim_missing"],
    ["a text on the way", { app: "installation" }, "claim_missing"],
    ["the path as one name", { "app.installation.id": "ours" }, "claim_missing"],
  ])("does not meet a pinned claim with %s", async (_name, change, reason) => {
    expect(await reasonOf(claims(change), pinned)).toBe(reason);
    expect(await reasonOf(claims({ ...change, app: { installation: { id: "also ours" } } }), pinned)).toBe("accepted");
  });

  it("does not find a pinned claim in what every object inherits", async () => {
    const entry = entryOf({
      issuer: A,
      claims: [{ path: ["constructor", "name"], equals: "Object" }],
      ...published(keyA),
    });
    expect(await reasonOf(good, { entry })).toBe("claim_missing");
  });

  it("tells how long it has been expired, and nothing else of itself", async () => {
    expect(await verify(claims({ exp: NOW - 26 }), standard)).toEqual({
      ok: false,
      rejection: { reason: "token_expired", expiredBySeconds: 26 },
    });
  });

  it("is one with any single character changed", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.constantFrom(..."ABCxyz019-_. \n"), async (at, character) => {
        fc.pre(good[at] !== character);
        expect(await reasonOf(good.slice(0, at) + character + good.slice(at + 1), standard)).not.toBe("accepted");
      }),
    );
  });
});
