import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileLinearPattern } from "../../../shared/host/linear-pattern.ts";
import { propertyCases } from "../../support/property-cases.ts";

function matches(source: string, text: string): boolean {
  const compiled = compileLinearPattern(source);
  if (!compiled.ok) throw new Error(`${source}: ${compiled.problem}`);
  return compiled.matches(text);
}

const atom = fc.constantFrom("a", "b", "-", "\\.", ".", "\\d", "\\w", "[ab]", "[^a]", "[a-c1]", "[\\d.]", "[a-]");
const count = fc.constantFrom("", "", "?", "*", "+", "{2}", "{1,3}", "{2,}", "{0}");
const alternativesOf = (item: fc.Arbitrary<string>) =>
  fc
    .array(
      fc.array(
        fc.tuple(item, count).map(([one, times]) => one + times),
        { maxLength: 3 },
      ),
      { minLength: 1, maxLength: 2 },
    )
    .map((all) => all.map((items) => items.join("")).join("|"));
/** One level of groups: the engine of JavaScript, which is the oracle, takes too long for more. */
const pattern = alternativesOf(
  fc.oneof(
    atom,
    alternativesOf(atom).map((inner) => `(${inner})`),
  ),
);

describe("a linear pattern", () => {
  it("it matches exactly what the regular expression of JavaScript does, anchored at both ends", () => {
    const text = fc.array(fc.constantFrom("a", "b", "c", "1", "-", ".", "_", "é", "😀"), { maxLength: 6 });
    fc.assert(
      fc.property(pattern, text, (source, characters) => {
        const one = characters.join("");
        expect(matches(source, one)).toBe(new RegExp(`^(?:${source})$`, "su").test(one));
      }),
      propertyCases("linear patterns"),
    );
  });

  it("anchors at the ends change nothing, and an escaped dollar is a character", () => {
    expect([matches("^v\\d+$", "v12"), matches("^v\\d+$", "xv12"), matches("v\\d+", "v12\n")]).toEqual([
      true,
      false,
      false,
    ]);
    expect([matches("a\\$", "a$"), matches("a\\\\$", "a\\")]).toEqual([true, true]);
  });

  it("a hostile text ends, for which backtracking takes 2 to the power of 1,000 steps", () => {
    const hostile = `${"a".repeat(1_000)}!`;
    for (const source of ["(a+)+", "(a|a)*", "(a*)*b", "(.*a){20}"]) expect(matches(source, hostile)).toBe(false);
  });

  it.each([
    ["(a", "missing closing )"],
    ["[b-a]", "range"],
    ["a**", "repetition"],
    ["(?=a)", "(?="],
    ["\\1", "\\1"],
    ["(a{100}){100}", "repeat count"],
    ["((a{0,999}){0,999}){0,999}", "too large"],
  ])("it refuses %s and says why", (source, why) => {
    expect(compileLinearPattern(source)).toMatchObject({ ok: false, problem: expect.stringContaining(why) });
  });
});
