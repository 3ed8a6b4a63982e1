import { describe, expect, it } from "vitest";
import { readText } from "../../support/documents.ts";

const SUITE = ["attacks-on-form", "attacks-on-claims", "attacks-on-tenants", "attacks-over-http"];

/** Attacks whose tests are not in the tables of the attack suite: the file of the test, and its title. */
const ELSEWHERE: Readonly<Record<string, readonly [file: string, test: string]>> = {
  T14: [
    "identity/hostile-issuer",
    "a key set at the hostile address /%s is answered 503 soon, and the log names the fault and its trust entry but no token",
  ],
  T23: ["identity/binding/index", "a single-use token is recognized again whatever its signature"],
  T24: ["identity/binding/index", "a token is rejected with the certificate in a header, which anyone can write: %s"],
  T25: ["identity/binding/dpop-proof", "a DPoP proof is good for one request, even for the same bytes of a delivery"],
  T39: ["identity/trust-entry", "no audience"],
};

describe("the list of attacks on bearer tokens", () => {
  it("every attack from T01 to T40 has a test", () => {
    const texts = SUITE.map((name) => readText(`test/unit/identity/${name}.test.ts`));
    const tested = texts.flatMap((text) => text.match(/(?<=")T\d\d\b/g) ?? []);
    const all = Array.from({ length: 40 }, (_, n) => `T${String(n + 1).padStart(2, "0")}`);
    expect([...new Set([...tested, ...Object.keys(ELSEWHERE)])].sort()).toEqual(all);
  });

  it.each(Object.entries(ELSEWHERE))("the test of %s is in another file", (_id, [file, test]) => {
    expect(readText(`test/unit/${file}.test.ts`)).toContain(`"${test}"`);
  });
});
