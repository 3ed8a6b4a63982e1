import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { explainMatch, type Mismatch, nearestFirst } from "../../../shared/routes/explain-match.ts";
import { matches } from "../../../shared/routes/matches.ts";
import type { Scalar } from "../../../shared/routes/operators.ts";
import { compilePattern, type Pattern } from "../../../shared/routes/pattern.ts";
import { propertyCases } from "../../support/property-cases.ts";
import { anEvent, aPattern } from "./random.ts";

const PUSH = {
  source: "drawbridge.gitlab",
  "detail-type": "code.pushed",
  detail: { code: { name: "Main", project: "a/b", added: ["docs/a.md", "src/b.ts"] }, count: 12, ip: "10.1.2.3" },
};

describe("the first field that an event misses, in words", () => {
  it.each<readonly [object, string]>([
    [{ name: ["main"] }, 'detail.code.name is "Main", wants "main" (only upper and lower case differ)'],
    [{ name: ["trunk", { prefix: "release/" }] }, 'detail.code.name is "Main", wants "trunk" or a prefix "release/"'],
    [
      { name: [{ suffix: { "equals-ignore-case": "X" } }] },
      'detail.code.name is "Main", wants a suffix "X" in any case',
    ],
    [{ name: [{ "equals-ignore-case": "trunk" }] }, 'detail.code.name is "Main", wants "trunk" in any case'],
    [{ name: [{ wildcard: "m*n" }] }, 'detail.code.name is "Main", wants a wildcard "m*n"'],
    [{ name: [{ "anything-but": ["Main", "x"] }] }, 'detail.code.name is "Main", wants anything but "Main" or "x"'],
    [
      { name: [{ "anything-but": { prefix: ["Ma", "x"] } }] },
      'detail.code.name is "Main", wants anything but a prefix "Ma" or a prefix "x"',
    ],
    [{ name: [{ exists: false }] }, 'detail.code.name is "Main", wants no value'],
    [{ branch: [{ exists: true }] }, "detail.code.branch is missing, wants any value"],
    [{ branch: ["main"] }, 'detail.code.branch is missing, wants "main"'],
    [{ added: ["x"] }, 'detail.code.added is "docs/a.md", "src/b.ts", wants "x"'],
    [
      { name: ["refs/heads/Main"] },
      'detail.code.name is "Main", wants "refs/heads/Main" (the event has the short name of a ref)',
    ],
  ])("of %j it is %s", (code, text) => {
    expect(missText({ detail: { code } })).toBe(text);
  });

  it.each<readonly [object, string]>([
    [{ count: ["12"] }, 'detail.count is 12, wants "12" (a number is not a text)'],
    [{ count: [{ numeric: [">=", 0, "<", 10] }] }, "detail.count is 12, wants a number >= 0 and < 10"],
    [{ ip: [{ cidr: "10.0.0.0/16" }] }, 'detail.ip is "10.1.2.3", wants an address in 10.0.0.0/16'],
    [{ count: [null, true, 5] }, "detail.count is 12, wants null, true or 5"],
  ])("of %j it is %s", (detail, text) => {
    expect(missText({ detail })).toBe(text);
  });

  it("who reported the event comes before its type, and that before its other fields", () => {
    const pattern = { detail: { code: { name: ["x"] } }, source: ["drawbridge.buildkite"], "detail-type": ["y"] };
    expect(mismatchOf(pattern).misses.map(({ field }) => field)).toEqual(["source", "detail-type", "detail.code.name"]);
  });

  it("fields that pass only in different elements of a list are a miss", () => {
    const event = { list: [{ a: 1 }, { a: 2, b: 1 }] };
    const explanation = explainMatch(compiled({ list: { a: [1], b: [1] } }), event);
    expect(explanation).toMatchObject({
      misses: [{ text: "list.b is 1, wants 1, but in one element of the list with the other fields" }],
    });
  });

  it("of the branches of $or, the nearest is explained", () => {
    const pattern = { $or: [{ detail: { code: { name: ["x"], project: ["y"] } } }, { detail: { count: [1] } }] };
    expect(mismatchOf(pattern).misses.map(({ field }) => field)).toEqual(["detail.count"]);
  });

  it("long values and long lists are cut", () => {
    const event = { a: ["1", "2", "3", "4", "5", "6", "7"].map((digit) => digit.repeat(500)) };
    const { text, values } = mismatchOf({ a: ["x"] }, event).misses[0] ?? { text: "", values: [] };
    expect(values).toHaveLength(5);
    expect(text.length).toBeLessThan(1_200);
    expect(text).toContain("and 2 more");
  });
});

describe("the nearest routes", () => {
  it("a match is first, then the fewest misses for its source and type, and another source is last", () => {
    const patterns = {
      "other-source": { source: ["drawbridge.wiki"] },
      "other-type": { source: ["drawbridge.gitlab"], "detail-type": ["code.tagged"] },
      "two-misses": { "detail-type": ["code.pushed"], detail: { code: { name: ["x"], project: ["y"] } } },
      "one-of-one": { detail: { code: { name: ["x"] } } },
      "one-of-three": { source: ["drawbridge.gitlab"], detail: { code: { name: ["x"], project: ["a/b"] } } },
      all: { source: ["drawbridge.gitlab"] },
    };
    const explained = Object.entries(patterns).map(([route, pattern]) => ({
      route,
      explanation: explainMatch(compiled(pattern), PUSH),
    }));
    expect(nearestFirst(explained).map(({ route }) => route)).toEqual([
      "all",
      "one-of-three",
      "one-of-one",
      "two-misses",
      "other-type",
      "other-source",
    ]);
  });
});

describe("explanation and match", () => {
  it("an explanation matches if and only if the matcher does, and names a field that fails alone or with the others", () => {
    fc.assert(
      fc.property(aPattern, anEvent, (source, event) => {
        const compilation = compilePattern(source);
        if (!compilation.ok) return;
        const explanation = explainMatch(compilation.pattern, event);
        expect(explanation.matched).toBe(matches(compilation.pattern, event));
        if (!explanation.matched) expect(explanation.misses.length).toBeGreaterThan(0);
      }),
      propertyCases("explained matches"),
    );
  });

  it("an event whose missed field gets a wanted value misses it no more", () => {
    fc.assert(
      fc.property(aPattern, fc.nat(), (source, seed) => {
        const compilation = compilePattern(source);
        if (!compilation.ok) return;
        const [combination = []] = compilation.pattern.combinations;
        const only: Pattern = { combinations: [combination] };
        // Each repair ends one miss, so a chain of them ends in a match, unless no value passes a field.
        let event: Readonly<Record<string, Scalar>> = {
          [combination[seed % combination.length]?.name ?? ""]: "no such",
        };
        for (let step = 0; step <= combination.length; step++) {
          const explanation = explainMatch(only, event);
          if (explanation.matched) return;
          const { field } = explanation.misses[0] ?? { field: "" };
          const test = combination.find(({ name }) => name === field);
          const value = CANDIDATES.find((one) => test?.tests.some((passes) => passes(one)));
          const { [field]: _, ...others } = event;
          if (value === undefined && !test?.orAbsent) return;
          event = value === undefined ? others : { ...others, [field]: value };
          const repaired = explainMatch(only, event);
          expect(repaired.matched ? [] : repaired.misses.map((miss) => miss.field)).not.toContain(field);
        }
        expect(explainMatch(only, event).matched).toBe(true);
      }),
      propertyCases("repaired events"),
    );
  });
});

/** Values that pass the alternatives of `random.ts`. Events that are flat have the names of fields as their members. */
const CANDIDATES: readonly Scalar[] = [
  ..."|x|y|xy|X|yx|10.0.0.1|11.0.0.1|*|z".split("|"),
  0,
  1,
  2.5,
  -3,
  7,
  true,
  false,
  null,
];

const missText = (pattern: object): string | undefined => mismatchOf(pattern).misses[0]?.text;

function mismatchOf(pattern: object, event: object = PUSH): Mismatch {
  const explanation = explainMatch(compiled(pattern), event);
  if (explanation.matched) throw new Error("the pattern matches");
  return explanation;
}

function compiled(source: object): Pattern {
  const compilation = compilePattern(source);
  if (!compilation.ok) throw new Error(compilation.problems.map(({ message }) => message).join("; "));
  return compilation.pattern;
}
