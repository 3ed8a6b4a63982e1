import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scrubCredential } from "../../../shared/host/scrub-credential.ts";

const TOKEN = "glpat-Zx81/q+Wm=03-_vBtY";
const scrubbed = (text: string, credentials: readonly string[] = [TOKEN]): string =>
  Buffer.from(scrubCredential(Buffer.from(text), credentials)).toString();

const everyCharacter = (reference: (code: number) => string): string =>
  Array.from(TOKEN, (character) => reference(character.charCodeAt(0))).join("");

const SPELLINGS: readonly (readonly [string, string])[] = [
  ["as it is", TOKEN],
  ["in upper case", TOKEN.toUpperCase()],
  ["in lower case", TOKEN.toLowerCase()],
  ["by its first eight characters", TOKEN.slice(0, 8)],
  ["by its first half", TOKEN.slice(0, 12)],
  ["in base64", Buffer.from(TOKEN).toString("base64")],
  ["in base64url", Buffer.from(TOKEN).toString("base64url")],
  ["with percent encoding", encodeURIComponent(TOKEN)],
  ["with percent encoding in lower case", encodeURIComponent(TOKEN).toLowerCase()],
  ["with every character in percent encoding", everyCharacter((code) => `%${code.toString(16)}`)],
  ["with decimal references", everyCharacter((code) => `&#${code};`)],
  ["with hexadecimal references", everyCharacter((code) => `&#x${code.toString(16)};`)],
  ["with one reference", TOKEN.replace("-", "&#45;")],
  ["with a named reference", TOKEN.replace("/", "&sol;")],
  ["with escapes of JSON", everyCharacter((code) => `\\u00${code.toString(16)}`)],
  ["with an escaped slash", TOKEN.replace("/", "\\/")],
  ["with escapes of JavaScript", TOKEN.replace("-", "\\x2d")],
  ["in hexadecimal", Buffer.from(TOKEN).toString("hex")],
  ["by its end", TOKEN.slice(-15)],
  ["by its middle", TOKEN.slice(4, 20)],
  ["with two layers of percent encoding", encodeURIComponent(encodeURIComponent(TOKEN))],
  ["with a reference in a reference", TOKEN.replace("-", "&amp;#45;")],
  ["with a reference in an escape of JSON", TOKEN.replace("-", "\\u0026#45;")],
  ["in JSON in JSON in JSON", TOKEN.replace("/", "\\\\\\\\\\\\\\/")],
  ["by a beginning with a reference", `${TOKEN.slice(0, 5)}&#45;${TOKEN.slice(6, 10)}`],
];

describe("a credential that a response repeats", () => {
  it.each(SPELLINGS)("a credential %s is removed, and nothing else", (_, spelling) => {
    const text = scrubbed(`{"refused":"€ <${spelling}> 100%25 &amp; more"}`);
    expect(text).toMatch(/^\{"refused":"€ <(\[secret\])+=*> 100%25 &amp; more"\}$/);
  });

  it("a credential inside base64 of a longer text is removed, at every offset", () => {
    for (const before of ["", "a", "ab", "abc:"]) {
      const encoded = Buffer.from(`${before}${TOKEN}:after`).toString("base64");
      const text = scrubbed(encoded);
      expect(text).toContain("[secret]");
      expect(Buffer.from(text.replace("[secret]", ""), "base64").toString("latin1")).not.toContain(TOKEN.slice(2, 10));
    }
  });

  it("no line of a wrapped credential stays", () => {
    const long = `${TOKEN}${TOKEN.toUpperCase()}${TOKEN}${TOKEN}`;
    const encoded = Buffer.from(`user:${long}`).toString("base64");
    for (const end of ["\n", "\r\n", "\\n", "<br>"]) {
      for (const text of [long, encoded]) {
        const lines = scrubbed(text.replace(/(.{40})/g, `$1${end}`), [long]).split(end);
        // Less than 15 characters of a line are too short to be recognized.
        expect(lines.slice(0, 2).join(" ")).toMatch(/^(dXNlcjp)?\[secret\]( \[secret\])?$/);
      }
    }
  });

  it("a megabyte is searched for a long credential about as fast as for one of usual length", () => {
    const usual = Buffer.from("abcdefg").toString("hex").repeat(3);
    fastestMs(usual);
    expect(fastestMs(usual.repeat(40))).toBeLessThan(10 * fastestMs(usual));
  });

  it("a short credential is removed as a whole only", () => {
    expect(scrubbed("pass-w word pass", ["pass-w"])).toBe("[secret] word pass");
  });

  it("a response without it stays unchanged byte by byte", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(Buffer.from(scrubCredential(bytes, ["no byte sequence has this text"]))).toEqual(Buffer.from(bytes));
      }),
    );
  });
});

/** The fastest of some searches of a megabyte without the credential, in milliseconds. */
function fastestMs(credential: string): number {
  const body = Buffer.from("a%20line of an error page & more\n".repeat(32_768));
  let fastest = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    const started = performance.now();
    expect(scrubCredential(body, [credential])).toBe(body);
    fastest = Math.min(fastest, performance.now() - started);
  }
  return fastest;
}
