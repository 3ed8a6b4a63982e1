import { createHmac } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { epochSeconds, toSeconds } from "../../../shared/host/clock.ts";
import { decodeBase64, hmacSha256 } from "../../../shared/host/hmac.ts";
import { Secret } from "../../../shared/host/secrets.ts";
import { acceptedBy, decodeHex, equalBytes, equalSecrets, rejectStale } from "../../../shared/providers/signature.ts";
import { testClock } from "../../support/test-doubles.ts";

describe("hmacSha256", () => {
  // RFC 4231, section 4.3.
  it("hmacSha256 returns the published test vector", () => {
    const expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    expect(hmacSha256("Jefe", ["what do ya want ", "for nothing?"]).toString("hex")).toBe(expected);
  });

  it("hmacSha256 signs the same bytes however they are cut into parts", () =>
    fc.assert(
      fc.property(fc.uint8Array(), fc.string(), fc.uint8Array(), (key, text, bytes) => {
        const whole = createHmac("sha256", key)
          .update(Buffer.concat([Buffer.from(text, "utf8"), bytes]))
          .digest();
        expect(hmacSha256(key, [text, bytes])).toEqual(whole);
      }),
    ));
});

describe("decodeHex", () => {
  it.each([
    ["lower case of the right length", "00ff", true],
    ["upper case", "00FF", false],
    ["one digit too few", "00f", false],
    ["one byte too many", "00ff00", false],
    ["a space at the end", "00f ", false],
    ["a line break at the end", "00ff\n", false],
    ["letters beyond f", "00fg", false],
    ["a prefix", "0x00", false],
    ["an empty text", "", false],
  ])("decodeHex of %s (%j) succeeds: %s", (_, text, decodes) => expect(decodeHex(text, 2) !== undefined).toBe(decodes));
});

describe("decodeBase64", () => {
  it.each([
    ["with its padding and of the right length", "AAEC/w==", true],
    ["without its padding", "AAEC/w", false],
    ["in the URL alphabet", "AAEC_w==", false],
    ["with bits beyond the last byte", "AAEC/x==", false],
    ["of another length", "AAEC", false],
    ["with a space inside", "AAEC /w==", false],
    ["with a line break at the end", "AAEC/w==\n", false],
    ["followed by something else", "AAEC/w==AAEC", false],
    ["without any character", "", false],
  ])("decodeBase64 of a text %s (%j) succeeds: %s", (_, text, decodes) =>
    expect(decodeBase64(text, 4) !== undefined).toBe(decodes),
  );

  it("decodeBase64 returns the bytes that were encoded", () =>
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = Buffer.from(bytes).toString("base64");
        expect(decodeBase64(text, bytes.length)).toEqual(Buffer.from(bytes));
      }),
    ));
});

describe("the comparison of bytes and secrets", () => {
  it("equalBytes treats unequal lengths as unequal", () => {
    expect(equalBytes(Buffer.from("ab"), Buffer.from("abc"))).toBe(false);
    expect(equalBytes(Buffer.from("abc"), Buffer.from("abc"))).toBe(true);
  });

  it("equalSecrets agrees with equality, whatever the lengths", () =>
    fc.assert(fc.property(fc.string(), fc.string(), (a, b) => equalSecrets(a, b) === (a === b) && equalSecrets(a, a))));
});

describe("acceptedBy", () => {
  const secrets = [
    { label: "current" as const, secret: new Secret("one") },
    { label: "next" as const, secret: new Secret("two") },
  ];

  it("acceptedBy returns the secret that was accepted", () => {
    expect(acceptedBy(secrets, (secret) => secret === "two")?.label).toBe("next");
    expect(acceptedBy(secrets, () => true)?.label).toBe("current");
    expect(acceptedBy(secrets, () => false)).toBeUndefined();
  });

  it("acceptedBy tries every secret, even after one was accepted", () => {
    const tried: string[] = [];
    acceptedBy(secrets, (secret) => tried.push(secret) > 0);
    expect(tried).toEqual(["one", "two"]);
  });
});

describe("rejectStale", () => {
  const clock = testClock();
  const at = (skew: number) => rejectStale(epochSeconds(toSeconds(clock.now()) - skew), clock.now());

  it.each([0, 300, -300])("rejectStale accepts a time %i seconds ago", (skew) => expect(at(skew)).toBeUndefined());

  it.each([301, -301, 1e11])("rejectStale rejects a time %i seconds ago, and returns by how much", (skewSeconds) =>
    expect(at(skewSeconds)).toEqual({ reason: "timestamp_outside_window", skewSeconds, limitSeconds: 300 }),
  );

  it("rejectStale rejects a time that is not a number", () => expect(at(Number.NaN)).toBeDefined());
});
