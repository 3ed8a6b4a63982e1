import fc from "fast-check";
import { compactVerify, generateKeyPair } from "jose";
import { describe, expect, it } from "vitest";
import { MAX_TOKEN_BYTES, readCompactJws } from "../../../shared/identity/compact-jws.ts";
import { b64 } from "./tokens.ts";

const HEADER = b64('{"alg":"ES256","kid":"k1"}');
const CLAIMS = b64('{"iss":"a"}');
const SIGNATURE = "c2lnbmF0dXJl";
const good = `${HEADER}.${CLAIMS}.${SIGNATURE}`;

const withHeader = (json: string): string => `${b64(json)}.${CLAIMS}.${SIGNATURE}`;
const withClaims = (json: string | Uint8Array): string => `${HEADER}.${b64(json)}.${SIGNATURE}`;

describe("readCompactJws", () => {
  it("readCompactJws splits a token into its parts", () => {
    expect(readCompactJws(good)).toEqual({
      ok: true,
      value: {
        header: { alg: "ES256", kid: "k1" },
        claims: { iss: "a" },
        payload: Buffer.from('{"iss":"a"}'),
        signature: Buffer.from("signature"),
        signed: Buffer.from(`${HEADER}.${CLAIMS}`),
      },
    });
  });

  it.each([
    ["an empty text", ""],
    ["two segments", `${HEADER}.${CLAIMS}`],
    ["an empty signature", `${HEADER}.${CLAIMS}.`],
    ["an empty header", `.${CLAIMS}.${SIGNATURE}`],
    ["five segments, as JWE has", `${good}.AA.AA`],
    ["16 000 dots", ".".repeat(16_000)],
    ["a trailing newline", `${good}\n`],
    ["a leading space", ` ${good}`],
    ["a space in the signature", `${HEADER}.${CLAIMS}.c2ln bmF0dXJl`],
    ["padding", `${HEADER}.${CLAIMS}.c2lnbmF0dXI=`],
    ["the other alphabet", `${HEADER}.${CLAIMS}.c2ln+mF0d/Jl`],
    ["unused bits that are set", `${HEADER}.${CLAIMS}.c2lnbmF0dXJ`],
    ["a segment of an impossible length", `${HEADER}.${CLAIMS}.c2lnb`],
    ["the JSON form", JSON.stringify({ protected: HEADER, payload: CLAIMS, signature: SIGNATURE })],
    ["a header that is not JSON", withHeader("alg")],
    ["a header that is a list", withHeader('["ES256"]')],
    ["a byte order mark before the header", withHeader('\uFEFF{"alg":"ES256"}')],
    ["alg twice", withHeader('{"alg":"ES256","alg":"none"}')],
    ["alg twice in two spellings", withHeader('{"alg":"ES256","\\u0061lg":"none"}')],
    ["no alg", withHeader("{}")],
    ["alg as a list", withHeader('{"alg":["ES256"]}')],
    ["typ as a number", withHeader('{"alg":"ES256","typ":7}')],
    ["kid as a number", withHeader('{"alg":"ES256","kid":7}')],
    ["kid as an object", withHeader('{"alg":"ES256","kid":{"k":1}}')],
    ["a payload that is not an object", withClaims('"a token inside"')],
    ["invalid UTF-8 in the payload", withClaims(Uint8Array.of(0x7b, 0xff, 0x7d))],
    ["iss twice", withClaims('{"iss":"a","iss":"b"}')],
    ["a deep payload", withClaims(`${'{"a":'.repeat(100)}1${"}".repeat(100)}`)],
  ])("readCompactJws rejects %s", (_name, token) => {
    expect(readCompactJws(token)).toMatchObject({ ok: false, rejection: { reason: "token_malformed" } });
  });

  it.each(["jku", "x5u", "jwk", "x5c", "crit", "zip", "enc", "b64"])(
    "readCompactJws rejects the header parameter %s",
    (parameter) => {
      for (const value of ['"https://keys.example.test"', "[]", "null", "false"]) {
        expect(readCompactJws(withHeader(`{"alg":"ES256","${parameter}":${value}}`))).toEqual({
          ok: false,
          rejection: { reason: "token_header_forbidden", parameter },
        });
      }
    },
  );

  it("readCompactJws rejects a token over the limit before it decodes anything", () => {
    expect(readCompactJws("a".repeat(MAX_TOKEN_BYTES + 1))).toEqual({
      ok: false,
      rejection: { reason: "token_too_large", limitBytes: MAX_TOKEN_BYTES },
    });
  });

  it("readCompactJws never throws, and accepts only what encodes back to itself", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.base64String(), fc.stringMatching(/^[\w-]{1,20}\.[\w-]{1,20}\.[\w-]{1,20}$/)),
        (text) => {
          const read = readCompactJws(text);
          if (!read.ok) return;
          const respelt = text.split(".").map((segment) => b64(Buffer.from(segment, "base64url")));
          expect(respelt.join(".")).toBe(text);
        },
      ),
    );
  });
});

describe("readCompactJws", () => {
  const forms: readonly (readonly [string, (token: Signed) => string | Promise<string>])[] = [
    ["unused bits that are not zero", ({ token }) => token.slice(0, -1) + nextCharacter(token.at(-1) ?? "")],
    ["padding", ({ token }) => `${token}==`],
    ["white space inside the signature", ({ token }) => `${token.slice(0, -4)} ${token.slice(-4)}`],
    ["a header that repeats a member", ({ sign }) => sign('{"alg":"none","alg":"ES256"}')],
    ["an address of keys in the header", ({ sign }) => sign('{"alg":"ES256","jku":"https://keys.example.test"}')],
  ];

  it.each(forms)("rejects a token with %s, which jose accepts", async (_, change) => {
    const { privateKey, publicKey } = await generateKeyPair("ES256");
    const sign = async (header: string): Promise<string> => {
      const input = `${b64(header)}.${CLAIMS}`;
      const algorithm = { name: "ECDSA", hash: "SHA-256" };
      const signature = await crypto.subtle.sign(algorithm, privateKey, Buffer.from(input));
      return `${input}.${Buffer.from(signature).toString("base64url")}`;
    };
    const token = await sign('{"alg":"ES256"}');
    expect(readCompactJws(token).ok).toBe(true);
    const changed = await change({ token, sign });
    await expect(compactVerify(changed, publicKey)).resolves.toBeDefined();
    expect(readCompactJws(changed).ok).toBe(false);
  });
});

interface Signed {
  readonly token: string;
  /** Signs the claims with this header. */
  readonly sign: (header: string) => Promise<string>;
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** The character whose last bit differs; in the last character of 64 bytes that bit is unused. */
const nextCharacter = (character: string): string => ALPHABET[ALPHABET.indexOf(character) ^ 1] ?? "";
