import { createHmac } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { epochSeconds, toSeconds } from "../../../shared/host/clock.ts";
import { Secret } from "../../../shared/host/secrets.ts";
import {
  acceptedBy,
  decodeBase64,
  decodeHex,
  equalBytes,
  equalSecrets,
  hmacSha256,
  rejectStale,
} from "../../../shared/providers/signature.ts";
import { testClock } from "../../support/test-doubles.ts";

describe("hmacSha256", () => {
  // RFC 4231, section 4.3.
  it("makes the published test vector", () => {
    const expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    expect(hmacSha256("Jefe", ["what do ya want ", "for nothing?"]).toString("hex")).toBe(expected);
  });

  it("signs the same bytes however they are cut into parts", () =>
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
    ["nothing", "", false],
  ])("%s: %j", (_, text, decodes) => expect(decodeHex(text, 2) !== undefined).toBe(decodes));
});

describe("decodeBase64", () => {
  it.each([
    ["padded, of the right length", "AAEC/w==", true],
    ["without its padding", "AAEC/w", false],
    ["in the URL alphabet", "AAEC_w==", false],
    ["with bits beyond the last byte", "AAEC/x==", false],
    ["of another length", "AAEC", false],
    ["with a space inside", "AAEC /w==", false],
    ["with a line break at the end", "AAEC/w==\n", false],
    ["followed by something else", "AAEC/w==AAEC", false],
    ["nothing", "", false],
  ])("%s: %j", (_, text, decodes) => expect(decodeBase64(text, 4) !== undefined).toBe(decodes));

  it("gives back every bytes that were encoded", () =>
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = Buffer.from(bytes).toString("base64");
        expect(decodeBase64(text, bytes.length)).toEqual(Buffer.from(bytes));
      }),
    ));
});

describe("comparison", () => {
  it("of bytes takes unequal lengths as unequal", () => {
    expect(equalBytes(Buffer.from("ab"), Buffer.from("abc"))).toBe(false);
    expect(equalBytes(Buffer.from("abc"), Buffer.from("abc"))).toBe(true);
  });

  it("of secrets agrees with equality, whatever their length", () =>
    fc.assert(fc.property(fc.string(), fc.string(), (a, b) => equalSecrets(a, b) === (a === b) && equalSecrets(a, a))));
});

describe("acceptedBy", () => {
  const secrets = [
    { label: "current" as const, secret: new Secret("one") },
    { label: "next" as const, secret: new Secret("two") },
  ];

  it("says which secret it was", () => {
    expect(acceptedBy(secrets, (secret) => secret === "two")?.label).toBe("next");
    expect(acceptedBy(secrets, () => true)?.label).toBe("current");
    expect(acceptedBy(secrets, () => false)).toBeUndefined();
  });

  it("tries every secret, also after one was accepted", () => {
    const tried: string[] = [];
    acceptedBy(secrets, (secret) => tried.push(secret) > 0);
    expect(tried).toEqual(["one", "two"]);
  });
});

describe("rejectStale", () => {
  const clock = testClock();
  const at = (skew: number) => rejectStale(epochSeconds(toSeconds(clock.now()) - skew), clock.now());

  it.each([0, 300, -300])("takes a time %i seconds ago", (skew) => expect(at(skew)).toBeUndefined());

  it.each([301, -301, 1e11])("refuses a time %i seconds ago, and says by how much", (skewSeconds) =>
    expect(at(skewSeconds)).toEqual({ reason: "timestamp_outside_window", skewSeconds, limitSeconds: 300 }),
  );

  it("refuses what is no number", () => expect(at(Number.NaN)).toBeDefined());
});
