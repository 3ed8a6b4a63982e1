import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matches } from "../../../shared/routes/matches.ts";
import { compilePattern, type PatternProblem } from "../../../shared/routes/pattern.ts";
import { operatorRows } from "./operator-rows.ts";
import { anEvent, aPattern } from "./random.ts";
import { refusedRows } from "./refused-rows.ts";
import { structureRows } from "./structure-rows.ts";

const rows = [...operatorRows, ...structureRows].map((row) => [row.name, row] as const);
describe.each(rows)("%s", (_, { pattern, matches: matching, misses }) => {
  it.each(matching.map(asRow))("the pattern matches %s", (_, event) => expect(answer(pattern, event)).toBe(true));
  it.each(misses.map(asRow))("the pattern does not match %s", (_, event) => expect(answer(pattern, event)).toBe(false));
});

describe("an invalid pattern", () => {
  it.each(refusedRows.map((row) => [row.name, row] as const))("the pattern is rejected: %s", (_, { pattern, at }) => {
    const problems = problemsOf(pattern);
    expect(problems.map(({ path }) => path)).toContainEqual(at);
    for (const { message } of problems) expect(message).toMatch(/^\S.{9,}$/);
  });

  it.each([
    [
      "a text where a list belongs",
      { a: "x" },
      /^give a list of alternatives, like \["page\.updated"\], or an object of fields$/,
    ],
    [
      "an unknown operator",
      { a: [{ contains: "x" }] },
      /^there is no operator "contains"; the operators are prefix, suffix, /,
    ],
    [
      "two operators together",
      { a: [{ prefix: "x", suffix: "y" }] },
      /write several as several alternatives of the list$/,
    ],
    [
      "anything-but of a range",
      { a: [{ "anything-but": { numeric: ["=", 1] } }] },
      /^anything-but does not take "numeric"/,
    ],
    [
      "a range with its ends reversed",
      { a: [{ numeric: [">", 5, "<", 0] }] },
      /its lower end, which must be below the upper end: \[">=", 0, "<", 10\]$/,
    ],
    [
      "a block of one address",
      { a: [{ cidr: "10.0.0.0/32" }] },
      /0 to 31 long; write a single address as a plain value$/,
    ],
    [
      "an operator inside $or",
      { $or: [{ prefix: ["x"] }, { b: ["x"] }] },
      /^"prefix" is an operator: \$or takes objects/,
    ],
    ["a field named twice", { a: { b: ["x"] }, "a.b": ["y"] }, /^the field a\.b occurs twice .* in one list$/],
  ])("%s is rejected with what would be right", (_, pattern, says) => {
    expect(problemsOf(pattern).map(({ message }) => message)).toEqual([expect.stringMatching(says)]);
  });

  it("everything that is wrong is reported at once", () => {
    const paths = problemsOf({ a: "x", b: [{ prefix: 1 }, { cidr: "x" }], c: {} }).map(({ path }) => path.join("."));
    expect(paths).toEqual(["a", "b.0.prefix", "b.1.cidr", "c"]);
  });

  it("alternatives in $or with too many combinations are rejected at once", () => {
    const either = { $or: Array.from({ length: 9 }, (_, index) => ({ [`f${index}`]: ["x"] })) };
    const [problem] = problemsOf({ a: either, b: either, c: either, d: either });
    expect(problem?.message).toMatch(/more than 1000 combinations; split the route$/);
  });

  it("a pattern nested too deeply is rejected", () => {
    let pattern: object = { a: ["x"] };
    for (let level = 0; level < 10_000; level++) pattern = { a: pattern };
    expect(problemsOf(pattern)).toMatchObject([{ message: "a pattern has at most 32 levels" }]);
  });
});

describe("any pattern and any event", () => {
  it("no pattern and no event makes compiling or matching throw", () => {
    const anything = fc.oneof(fc.jsonValue(), fc.anything());
    fc.assert(
      fc.property(fc.oneof(anything, aPattern), fc.oneof(anything, anEvent), (pattern, event) => {
        const compiled = compilePattern(pattern);
        if (compiled.ok) expect(typeof matches(compiled.pattern, event)).toBe("boolean");
        else expect(compiled.problems.length).toBeGreaterThan(0);
      }),
    );
  });

  it("a pattern of an event's own leaves matches the event", () => {
    fc.assert(
      fc.property(anEvent, (event) => {
        const pattern = leavesOf(event);
        fc.pre(Object.keys(pattern).length > 0);
        expect(answer(pattern, event)).toBe(true);
      }),
    );
  });

  it("anything-but is the opposite of the plain value if there is one value", () => {
    const value = fc.oneof(fc.string(), fc.integer());
    fc.assert(
      fc.property(fc.oneof(value, fc.boolean(), fc.constant(null)), value, (present, excluded) => {
        expect(answer({ a: [{ "anything-but": excluded }] }, { a: present })).toBe(
          !answer({ a: [excluded] }, { a: present }),
        );
      }),
    );
  });

  it("exists: false is the opposite of exists: true for a field outside arrays of objects", () => {
    const event = fc.dictionary(fc.constantFrom("a", "b"), fc.oneof(fc.string(), fc.array(fc.integer())));
    fc.assert(
      fc.property(event, (it) => {
        expect(answer({ a: [{ exists: false }] }, it)).toBe(!answer({ a: [{ exists: true }] }, it));
      }),
    );
  });

  it("a hostile wildcard is matched against a long text without delay", () => {
    const wildcard = `${"*a".repeat(2_000)}*b`;
    expect(answer({ a: [{ wildcard }] }, { a: "a".repeat(1_000_000) })).toBe(false);
  }, 2_000);

  it("a large event is matched without delay", () => {
    const elements = Array.from({ length: 1_000 }, (_, index) => ({ k: index, v: index + 1, l: [{ m: index }] }));
    expect(answer({ a: { k: [{ exists: true }], v: [{ exists: true }], l: { m: ["no"] } } }, { a: elements })).toBe(
      false,
    );
  }, 2_000);

  it("an event nested too deeply has no match", () => {
    let event: unknown = "x";
    for (let level = 0; level < 100_000; level++) event = [event];
    expect(answer({ a: { b: ["x"] } }, { a: event })).toBe(false);
  });
});

function answer(pattern: unknown, event: unknown): boolean {
  const compiled = compilePattern(pattern);
  if (!compiled.ok) throw new Error(compiled.problems.map(({ message }) => message).join("; "));
  return matches(compiled.pattern, event);
}

function problemsOf(pattern: unknown): readonly PatternProblem[] {
  const compiled = compilePattern(pattern);
  return compiled.ok ? [] : compiled.problems;
}

const asRow = (event: object): [string, object] => [JSON.stringify(event), event];

/** The leaves outside arrays, as a pattern: two ways to write one name would be one field named twice. */
function leavesOf(event: object): Record<string, unknown[]> {
  const found = new Map<string, unknown[]>();
  const visit = (value: unknown, name: string): void => {
    if (Array.isArray(value)) return;
    if (typeof value === "object" && value !== null) {
      for (const [member, below] of Object.entries(value)) visit(below, name === "" ? member : `${name}.${member}`);
    } else if (!found.has(name)) found.set(name, [value]);
  };
  visit(event, "");
  return Object.fromEntries(found);
}
