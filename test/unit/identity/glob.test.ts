import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matchesGlob } from "../../../shared/identity/glob.ts";

describe("a glob", () => {
  it.each([
    ["refs/heads/release-*", "refs/heads/release-4.2", true],
    ["refs/heads/release-*", "refs/heads/release-", true],
    ["refs/heads/release-*", "refs/heads/release-4/hotfix", false],
    ["refs/heads/**", "refs/heads/release-4/hotfix", true],
    ["refs/heads/*", "refs/heads/", true],
    ["*/docs", "platform/docs", true],
    ["*/docs", "platform/team/docs", false],
    ["**/docs", "platform/team/docs", true],
    ["main", "main2", false],
    ["main", "xmain", false],
    ["", "", true],
    ["*", "", true],
    ["a.c", "abc", false],
    ["a**b", "a/x/b", true],
    ["***", "a/b", true],
  ])("the glob %s matches %s: %s", (glob, text, expected) => {
    expect(matchesGlob(glob, text)).toBe(expected);
  });

  it("a glob agrees with the regular expression of the same meaning", () => {
    const letters = fc.constantFrom("a", "b", "/", ".", "*", "ä", "😀");
    fc.assert(
      fc.property(fc.array(letters, { maxLength: 8 }), fc.array(letters, { maxLength: 10 }), (pattern, parts) => {
        const glob = pattern.join("");
        const text = parts.join("");
        expect(matchesGlob(glob, text)).toBe(asRegExp(glob).test(text));
      }),
      { numRuns: 3_000 },
    );
  });

  it("a glob takes no time for a text on which backtracking would never finish", () => {
    expect(matchesGlob("**a".repeat(30), "a".repeat(5_000).concat("b"))).toBe(false);
  });
});

function asRegExp(glob: string): RegExp {
  const parts = (glob.match(/\*\*|[^*]|\*/gsu) ?? []).map((part) => {
    if (part === "**") return "[^]*";
    return part === "*" ? "[^/]*" : part.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
  });
  return new RegExp(`^${parts.join("")}$`, "u");
}
