import { describe, expect, it } from "vitest";
import { readText } from "../../support/documents.ts";

const SUITE = ["attacks-on-form", "attacks-on-claims", "attacks-on-tenants", "attacks-over-http"];

/** Attacks whose tests are not in the tables of the attack suite: where they are, and a test's name there. */
const ELSEWHERE: Readonly<Record<string, readonly [file: string, test: string]>> = {
  T14: [
    "identity/hostile-issuer",
    "is answered 503 when it %s, soon, and the log names the fault, whose it is and no token",
  ],
  T23: ["identity/binding/index", "is the same token whatever its signature"],
  T24: ["identity/binding/index", "is refused with the certificate in a header, which anyone can write: %s"],
  T25: ["identity/binding/dpop-proof", "is good for one request, even for the same bytes of a delivery"],
  T39: ["identity/trust-entry", "no audience"],
};

describe("the list of attacks on bearer tokens, T01 to T40,", () => {
  it("has a test for each", () => {
    const texts = SUITE.map((name) => readText(`test/unit/identity/${name}.test.ts`));
    const tested = texts.flatMap((text) => text.match(/(?<=")T\d\d\b/g) ?? []);
    const all = Array.from({ length: 40 }, (_, n) => `T${String(n + 1).padStart(2, "0")}`);
    expect([...new Set([...tested, ...Object.keys(ELSEWHERE)])].sort()).toEqual(all);
  });

  it.each(Object.entries(ELSEWHERE))("has %s elsewhere", (_id, [file, test]) => {
    expect(readText(`test/unit/${file}.test.ts`)).toContain(`"${test}"`);
  });
});
