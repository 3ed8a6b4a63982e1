import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { equalsIgnoringCase, prefixIgnoringCase, suffixIgnoringCase, wildcard } from "../../../shared/routes/text.ts";

describe("wildcard", () => {
  it("wildcard agrees with a regular expression of the same meaning", () => {
    const piece = fc.constantFrom("a", "b", "*", "\\*", "\\\\", ".");
    const pattern = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(""));
    const text = fc.array(fc.constantFrom("a", "b", "*", "\\", ".", "\n"), { maxLength: 6 }).map((it) => it.join(""));
    fc.assert(
      fc.property(pattern, text, (source, subject) => {
        const test = wildcard(source);
        fc.pre(typeof test !== "string");
        expect(test(subject)).toBe(asExpression(source).test(subject));
      }),
    );
  });

  it("wildcard rejects exactly the patterns with two stars together", () => {
    const escapedOrNot = fc.constantFrom("*", "\\*", "\\\\", "a");
    fc.assert(
      fc.property(fc.array(escapedOrNot, { maxLength: 6 }), (pieces) => {
        const twoStars = pieces.some((piece, index) => piece === "*" && pieces[index + 1] === "*");
        expect(typeof wildcard(pieces.join(""))).toBe(twoStars ? "string" : "function");
      }),
    );
  });
});

describe("ignoring case", () => {
  it("a comparison that ignores case accepts every text of plain letters in its upper and its lower case", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary-ascii" }), (text) => {
        for (const make of [equalsIgnoringCase, prefixIgnoringCase, suffixIgnoringCase]) {
          const test = make(text);
          if (typeof test === "string") throw new Error(test);
          expect([text, text.toUpperCase(), text.toLowerCase()].map(test)).toEqual([true, true, true]);
        }
      }),
    );
  });
});

function asExpression(pattern: string): RegExp {
  const pieces = pattern.match(/\\.|[^\\]/gs) ?? [];
  const expression = pieces.map((piece) =>
    piece === "*" ? ".*" : `\\u{${piece.codePointAt(piece.length - 1)?.toString(16)}}`,
  );
  return new RegExp(`^${expression.join("")}$`, "su");
}
