import { createHmac, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  A,
  type Attack,
  attack,
  B,
  givesAway,
  good,
  goodClaims,
  goodHeader,
  goodSignature,
  keyA,
  rsaA,
  stranger,
  withClaims,
  withHeader,
  withSignature,
} from "./attacking.ts";
import { b64, signText, tokenOf } from "./tokens.ts";

const FORBIDDEN = "token_header_forbidden";
const MALFORMED = "token_malformed";
const FORGED = "token_signature_invalid";
const DEEP = `{"iss":"${A}","a":${"[".repeat(500)}${"]".repeat(500)}}`;

const rsaPublic = createPublicKey(rsaA.privateKey);
/** A token under a header of any kind, "signed" with a public key as if that were a shared secret (CVE-2016-10555). */
const hmacToken = (secret: string | Buffer): string => {
  const input = `${b64('{"alg":"HS256","kid":"RSA_0"}')}.${goodClaims}`;
  return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
};
const unsigned = (alg: string): readonly string[] => {
  const input = `${b64(JSON.stringify({ alg, kid: "k1" }))}.${goodClaims}`;
  return [input, `${input}.`];
};
const rsaSigned = (alg: string, hash: string): string => {
  const input = `${b64(JSON.stringify({ alg, kid: "RSA_0" }))}.${goodClaims}`;
  return `${input}.${sign(hash, Buffer.from(input), rsaA.privateKey).toString("base64url")}`;
};
const half = Buffer.from(goodSignature, "base64url");
const otherCurve = generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey;
const signedBy = (key: typeof otherCurve, dsaEncoding: "der" | "ieee-p1363"): Uint8Array =>
  sign("sha256", Buffer.from(`${goodHeader}.${goodClaims}`), { key, dsaEncoding });
const jwe = [b64('{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":1000000000,"zip":"DEF"}'), "AA", "AA", "AA", "AA"];
const json = JSON.stringify({ payload: goodClaims, protected: goodHeader, signature: goodSignature });

const attacks: readonly Attack[] = [
  ...["none", "None", "NONE", "nOnE", ""].flatMap((alg): Attack[] => [
    ...unsigned(alg).map((token): Attack => ["T01", `alg "${alg}" and no signature`, token, MALFORMED]),
    ["T01", `alg "${alg}" and a signature`, withHeader({ alg }), "algorithm_not_allowed"],
  ]),
  [
    "T02",
    "HS256 with the public PEM",
    hmacToken(rsaPublic.export({ type: "spki", format: "pem" })),
    "algorithm_not_allowed",
  ],
  [
    "T02",
    "HS256 with the public DER",
    hmacToken(rsaPublic.export({ type: "spki", format: "der" })),
    "algorithm_not_allowed",
  ],
  ["T02", "HS256 with the JWK's text", hmacToken(JSON.stringify(rsaA.jwk)), "algorithm_not_allowed"],
  ["T03", "RS512 by a key without alg", rsaSigned("RS512", "sha512"), "algorithm_not_allowed"],
  ["T03", "PS512 by a key without alg", withHeader({ alg: "PS512", kid: "RSA_0" }), "algorithm_not_allowed"],
  ["T03", "a listed algorithm of another kind of key", withHeader({ alg: "RS256" }), "key_unknown"],
  ["T03", "alg in another case", withHeader({ alg: "es256" }), "algorithm_not_allowed"],
  ["T03", "alg __proto__", withHeader({ alg: "__proto__" }), "algorithm_not_allowed"],
  ["T04", "a key of its own", tokenOf(A, stranger, { header: { jwk: stranger.jwk } }), FORBIDDEN],
  ["T04", "a certificate of its own", tokenOf(A, stranger, { header: { x5c: ["AA"] } }), FORBIDDEN],
  ...["https://keys.example.test", "http://169.254.169.254/keys", "http://localhost/keys", `${A}/redirect`].flatMap(
    (address): Attack[] => [
      ["T05", `jku ${address}`, withHeader({ jku: address }), FORBIDDEN],
      ["T05", `x5u ${address}`, withHeader({ x5u: address }), FORBIDDEN],
    ],
  ),
  ["T06", "a path as key id", withHeader({ kid: "../../../dev/null" }), "key_unknown"],
  ["T06", "SQL as key id", withHeader({ kid: "' UNION SELECT 'key" }), "key_unknown"],
  ["T06", "a key id of 10 KB", withHeader({ kid: "k".repeat(10_000) }), "key_unknown"],
  ["T06", "a number as key id", withHeader({ kid: 1 }), MALFORMED],
  ["T06", "an object as key id", withHeader({ kid: { k: 1 } }), MALFORMED],
  ["T06", "null as key id", withHeader({ kid: null }), MALFORMED],
  ["T06", "an empty key id", withHeader({ kid: "" }), "key_unknown"],
  ["T06", "a NUL byte in the key id", withHeader({ kid: "k1\0" }), "key_unknown"],
  ["T07", "A's key under an id that B has too, in B's name", tokenOf(B, rsaA), FORGED],
  ["T08", "A's key in B's name", tokenOf(B, keyA), FORGED],
  ...[["urn:unknown"], [], ["alg"], ["exp"]].map(
    (crit): Attack => ["T10", `crit ${JSON.stringify(crit)}`, withHeader({ crit }), FORBIDDEN],
  ),
  ["T17", "a megabyte", good + "A".repeat(1_000_000), "token_too_large"],
  ["T17", "a header of 100 KB", withHeader({ pad: "x".repeat(100_000) }), "token_too_large"],
  ["T17", "50 000 dots", ".".repeat(50_000), "token_too_large"],
  ["T17", "16 000 dots", ".".repeat(16_000), MALFORMED],
  ["T17", "deep claims", signText('{"alg":"ES256","kid":"k1"}', DEEP, keyA), MALFORMED],
  ["T18", "a JWE", jwe.join("."), MALFORMED],
  ["T18", "the head of a JWE in a JWS", `${jwe[0]}.${goodClaims}.${goodSignature}`, FORBIDDEN],
  ["T18", "zip", withHeader({ zip: "DEF" }), FORBIDDEN],
  ["T18", "a token in a token", signText('{"alg":"ES256","kid":"k1","cty":"JWT"}', good, keyA), MALFORMED],
  ["T19", "the JSON form", json, MALFORMED],
  ["T19", "a compact form that is JSON too", `{"protected":"${good}"}`, MALFORMED],
  ["T20", "r = s = 0", withSignature(Buffer.alloc(64)), FORGED],
  ["T20", "a DER signature", withSignature(signedBy(keyA.privateKey, "der")), FORGED],
  ["T20", "a signature of another curve", withSignature(signedBy(otherCurve, "ieee-p1363")), FORGED],
  ["T20", "swapped halves", withSignature(Buffer.concat([half.subarray(32), half.subarray(0, 32)])), FORGED],
  ["T21", "a trailing newline", `${good}\n`, MALFORMED],
  ["T21", "a leading space", ` ${good}`, MALFORMED],
  ["T21", "a space in the signature", `${good.slice(0, -9)} ${good.slice(-9)}`, MALFORMED],
  ["T21", "padding", `${good}==`, MALFORMED],
  [
    "T21",
    "the other alphabet",
    `${goodHeader}.${goodClaims}.${half.toString("base64").replace(/=+$/, "+/")}`,
    MALFORMED,
  ],
  ["T21", "unused bits that are set", good.slice(0, -1) + nextLetter(good.slice(-1)), MALFORMED],
  ["T22", "an empty signature", `${goodHeader}.${goodClaims}.`, MALFORMED],
  ["T22", "the signature of another token", withClaims({ sub: "x" }).replace(/[^.]+$/, goodSignature), FORGED],
  ["T22", "half a signature", withSignature(half.subarray(0, 32)), FORGED],
  ["T22", "a signature and a byte", withSignature(Buffer.concat([half, Buffer.alloc(1)])), FORGED],
];

/** A letter that stands for the same bits but the lowest, which end a segment of this length unused. */
function nextLetter(letter: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return alphabet[alphabet.indexOf(letter) + 1] ?? "";
}

describe("an attack on a token's form or signature", () => {
  it.each(attacks)(
    "the attack %s (%s) is rejected, causes no call and is logged without the token",
    async (_id, _what, token, reason) => {
      const { logged, ...outcome } = await attack(token);
      expect(outcome).toEqual({ status: 401, reason, calls: 0 });
      expect(givesAway(logged, token)).toBe(false);
    },
  );

  it("a good token is accepted", async () => {
    expect(await attack(good)).toMatchObject({ reason: "accepted" });
    expect(await attack(tokenOf(A, rsaA))).toMatchObject({ reason: "accepted" });
  });
});
