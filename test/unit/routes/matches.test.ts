import { describe, expect, it } from "vitest";
import { matches } from "../../../shared/routes/matches.ts";
import { compilePattern, type Pattern } from "../../../shared/routes/pattern.ts";

describe("many patterns and one event", () => {
  it("each member of an event is read once, however many patterns it is matched with", () => {
    const reads = new Map<string, number>();
    const event = counted({ "detail-type": "code.pushed", detail: { code: { name: "main", project: "a/b" } } }, reads);
    const patterns = Array.from({ length: 100 }, (_, index) =>
      compiled({
        "detail-type": ["code.pushed"],
        detail: { code: { name: ["main"], project: [`a/b${index || ""}`] } },
      }),
    );
    expect(patterns.filter((pattern) => matches(pattern, event))).toEqual([patterns[0]]);
    expect(Object.fromEntries(reads)).toEqual({ "detail-type": 1, detail: 1, code: 1, name: 1, project: 1 });
  });

  it("two events with equal members are read each on its own", () => {
    const main = compiled({ a: ["main"] });
    expect([{ a: "main" }, { a: "other" }, { a: "main" }].map((event) => matches(main, event))).toEqual([
      true,
      false,
      true,
    ]);
  });
});

describe("the fields of one pattern", () => {
  it.each([
    ["has no value that passes", { a: "x", b: "x" }],
    ["is missing", { b: "x" }],
  ])("the first field that %s ends the evaluation", (_, event) => {
    const tested: string[] = [];
    const pattern = patternOf(
      { name: "a", test: (value) => value === "y" },
      { name: "b", test: () => tested.push("b") > 0 },
    );
    expect(matches(pattern, event)).toBe(false);
    expect(tested).toEqual([]);
  });

  it("a field that passes only in another element of an array ends the evaluation", () => {
    const tested: string[] = [];
    const pattern = patternOf(
      { name: "list.a", test: (value) => value === 1 },
      { name: "list.b", test: (value) => value === 2 },
      { name: "list.c", test: () => tested.push("c") > 0 },
    );
    expect(
      matches(pattern, {
        list: [
          { a: 1, c: 3 },
          { b: 2, c: 3 },
        ],
      }),
    ).toBe(false);
    expect(tested).toEqual([]);
    expect(matches(pattern, { list: [{ a: 1, b: 2, c: 3 }] })).toBe(true);
    expect(tested).toEqual(["c"]);
  });

  it("a field that may be missing does not end the evaluation if it is", () => {
    const pattern = compiled({ a: [{ exists: false }], b: ["x"] });
    expect(matches(pattern, { b: "x" })).toBe(true);
    expect(matches(pattern, { a: "y", b: "x" })).toBe(false);
  });

  it("a failed combination of $or does not end the evaluation of the next", () => {
    const pattern = compiled({ $or: [{ a: ["x"] }, { b: ["x"] }] });
    expect(matches(pattern, { a: "y", b: "x" })).toBe(true);
  });
});

interface CountedField {
  readonly name: string;
  readonly test: (value: unknown) => boolean;
}

const patternOf = (...fields: readonly CountedField[]): Pattern => ({
  combinations: [fields.map(({ name, test }) => ({ name, tests: [test], orAbsent: false, wanted: [] }))],
});

function compiled(source: object): Pattern {
  const compilation = compilePattern(source);
  if (!compilation.ok) throw new Error(compilation.problems.map(({ message }) => message).join("; "));
  return compilation.pattern;
}

/** The value with a count of how often each of its members is read, by name. */
function counted(value: object, reads: Map<string, number>): object {
  return new Proxy(value, {
    get: (target, name) => {
      const below: unknown = Reflect.get(target, name);
      if (!Object.hasOwn(target, name)) return below;
      reads.set(String(name), (reads.get(String(name)) ?? 0) + 1);
      return typeof below === "object" && below !== null ? counted(below, reads) : below;
    },
  });
}
