import { readAddress, readBlock } from "./address.ts";
import {
  equalsIgnoringCase,
  prefix,
  prefixIgnoringCase,
  suffix,
  suffixIgnoringCase,
  type TextTest,
  wildcard,
} from "./text.ts";

/** A leaf of an event. */
export type Scalar = string | number | boolean | null;
export type ValueTest = (value: Scalar) => boolean;

/** One alternative of a field: a test of its value, or the absence of the field. */
export type Alternative = ValueTest | "absent";

/** Reports a problem at `steps` below the alternative. */
export type Report = (message: string, ...steps: readonly (string | number)[]) => undefined;

/**
 * Reads one alternative: a plain value or one operator with its operand. Rejects what EventBridge rejects.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
export function readAlternative(source: unknown, report: Report): Alternative | undefined {
  if (typeof source === "string") return exactText(source);
  if (typeof source === "number") return exactNumber(source, report);
  if (typeof source === "boolean" || source === null) return (value) => value === source;
  if (typeof source !== "object" || Array.isArray(source)) {
    return report("an alternative must be a text, a number, true, false, null or one operator like { prefix: … }");
  }
  const [entry, ...others] = Object.entries(source);
  if (entry === undefined || others.length > 0) {
    return report("an object must have exactly one operator; write several as several alternatives of the list");
  }
  const [name, operand] = entry;
  const read = OPERATORS.get(name);
  if (!read) return report(`there is no operator "${name}"; the operators are ${listed(OPERATORS.keys())}`, name);
  return read(operand, (message, ...steps) => report(message, name, ...steps));
}

type ReadOperand = (operand: unknown, report: Report) => Alternative | undefined;

const OPERATORS: ReadonlyMap<string, ReadOperand> = new Map<string, ReadOperand>([
  ["prefix", (operand, report) => onText(readAffix(operand, prefix, prefixIgnoringCase, report))],
  ["suffix", (operand, report) => onText(readAffix(operand, suffix, suffixIgnoringCase, report))],
  ["equals-ignore-case", (operand, report) => onText(readText(operand, equalsIgnoringCase, report))],
  ["wildcard", (operand, report) => onText(readText(operand, wildcard, report))],
  ["anything-but", readAnythingBut],
  ["numeric", readNumeric],
  ["exists", readExists],
  ["cidr", readCidr],
]);

/** Operators that `anything-but` takes, each with a text or a list of texts. */
const NEGATABLE: ReadonlyMap<string, (operand: string) => TextTest | string> = new Map([
  ["prefix", (operand: string) => (operand === "" ? "an empty prefix excludes every text" : prefix(operand))],
  ["suffix", (operand: string) => (operand === "" ? "an empty suffix excludes every text" : suffix(operand))],
  ["equals-ignore-case", equalsIgnoringCase],
  ["wildcard", wildcard],
]);

/** A text that is an IP address matches every spelling of that address, as in Event Ruler. */
function exactText(expected: string): ValueTest {
  const isSameAddress = readAddress(expected);
  if (isSameAddress === undefined) return (value) => value === expected;
  return (value) => value === expected || (typeof value === "string" && isSameAddress(value));
}

function exactNumber(expected: number, report: Report): ValueTest | undefined {
  if (Number.isFinite(expected) && Math.abs(expected) <= Number.MAX_SAFE_INTEGER) return (value) => value === expected;
  return report(
    `a number must be from -${Number.MAX_SAFE_INTEGER} to ${Number.MAX_SAFE_INTEGER}; write a longer one as a text`,
  );
}

function readAffix(
  operand: unknown,
  exact: (operand: string) => TextTest,
  ignoringCase: (operand: string) => TextTest | string,
  report: Report,
): TextTest | undefined {
  if (typeof operand === "string") return exact(operand);
  const inner = onlyMember(operand);
  if (inner?.[0] !== "equals-ignore-case") return report("give a text, or { equals-ignore-case: a text }");
  return readText(inner[1], ignoringCase, (message) => report(message, "equals-ignore-case"));
}

function readText(
  operand: unknown,
  make: (operand: string) => TextTest | string,
  report: Report,
): TextTest | undefined {
  if (typeof operand !== "string") return report("give a text");
  const made = make(operand);
  return typeof made === "string" ? report(made) : made;
}

/**
 * The test passes for every present value that is not in the list. A missing field has no value, so it does not match.
 */
function readAnythingBut(operand: unknown, report: Report): ValueTest | undefined {
  const inner = onlyMember(operand);
  if (inner) return readAnythingButTexts(inner, report);
  const excluded: unknown[] = Array.isArray(operand) ? operand : [operand];
  const kinds = new Set(excluded.map((value) => typeof value));
  if (kinds.size === 1 && (kinds.has("string") || kinds.has("number"))) return (value) => !excluded.includes(value);
  return report(
    `give a text, a number, a list of only texts or of only numbers, or one of ${listed(NEGATABLE.keys())}`,
  );
}

function readAnythingButTexts(inner: readonly [string, unknown], report: Report): ValueTest | undefined {
  const [name, operand] = inner;
  const make = NEGATABLE.get(name);
  if (!make) return report(`anything-but does not take "${name}"; it takes ${listed(NEGATABLE.keys())}`, name);
  const operands: unknown[] = Array.isArray(operand) ? operand : [operand];
  if (operands.length === 0) return report("give a text, or a list of texts", name);
  const tests = operands.map((one) => readText(one, make, (message) => report(message, name)));
  const usable = tests.filter((test) => test !== undefined);
  if (usable.length < tests.length) return undefined;
  return (value) => typeof value !== "string" || !usable.some((test) => test(value));
}

const COMPARISONS: ReadonlyMap<unknown, (value: number, bound: number) => boolean> = new Map([
  ["=", (value, bound) => value === bound],
  ["<", (value, bound) => value < bound],
  ["<=", (value, bound) => value <= bound],
  [">", (value, bound) => value > bound],
  [">=", (value, bound) => value >= bound],
]);

/** The documented limit of numeric matching, positive and negative. */
const MAX_NUMERIC = 5_000_000_000;

function readNumeric(operand: unknown, report: Report): ValueTest | undefined {
  const parts: unknown[] = Array.isArray(operand) ? operand : [];
  const [operator, bound, upperOperator, upperBound] = parts;
  const compare = COMPARISONS.get(operator);
  if (!compare || !isBound(bound) || (parts.length !== 2 && parts.length !== 4)) {
    return report('give [operator, number] or a range like [">=", 0, "<", 10]; a number must be from -5e9 to 5e9');
  }
  if (parts.length === 2) return (value) => typeof value === "number" && compare(value, bound);
  const compareUpper = COMPARISONS.get(upperOperator);
  const isRange = /^>=?$/.test(String(operator)) && /^<=?$/.test(String(upperOperator));
  if (!compareUpper || !isRange || !isBound(upperBound) || bound >= upperBound) {
    return report('a range must start with its lower end, which must be below the upper end: [">=", 0, "<", 10]');
  }
  return (value) => typeof value === "number" && compare(value, bound) && compareUpper(value, upperBound);
}

const isBound = (value: unknown): value is number => typeof value === "number" && Math.abs(value) <= MAX_NUMERIC;

function readExists(operand: unknown, report: Report): Alternative | undefined {
  if (typeof operand !== "boolean") return report("give true or false");
  return operand ? () => true : "absent";
}

function readCidr(operand: unknown, report: Report): ValueTest | undefined {
  return onText(readText(operand, readBlock, report));
}

const onText = (test: TextTest | undefined): ValueTest | undefined =>
  test && ((value) => typeof value === "string" && test(value));

/** Returns the name and value of the only member of an object; undefined for anything else. */
function onlyMember(value: unknown): readonly [string, unknown] | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const entries: readonly (readonly [string, unknown])[] = Object.entries(value);
  return entries.length === 1 ? entries[0] : undefined;
}

const listed = (names: Iterable<string>): string => [...names].join(", ");
