import { type Alternative, type Report, readAlternative, type ValueTest } from "./operators.ts";

/**
 * A compiled event pattern. It matches if one of its combinations matches, and a combination matches if all its fields
 * match. A pattern without `$or` has one combination.
 */
export interface Pattern {
  readonly combinations: readonly (readonly FieldTest[])[];
}

export interface FieldTest {
  /** Member names joined by dots. */
  readonly name: string;
  readonly tests: readonly ValueTest[];
  /** The field may also be missing. */
  readonly orAbsent: boolean;
  /** The alternatives as written, to explain why none of them passes. */
  readonly wanted: readonly unknown[];
}

/** A problem at `path` in a pattern: `message` is one sentence that says what is wrong and what is valid. */
export interface PatternProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

export type Compilation =
  | { readonly ok: true; readonly pattern: Pattern }
  | { readonly ok: false; readonly problems: readonly PatternProblem[] };

/**
 * Compiles an EventBridge event pattern, or returns all its problems. Accepts exactly what EventBridge accepts, so that
 * a route matches the same events on one machine and in AWS.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern.html, https://github.com/aws/event-ruler
 */
export function compilePattern(source: unknown): Compilation {
  const problems: PatternProblem[] = [];
  const reportAt =
    (path: Path): Report =>
    (message, ...steps) => {
      problems.push({ path: [...path, ...steps], message });
      return undefined;
    };
  const combinations = readFields(source, { path: [], name: "", inOr: false, reportAt }, [new Map()]);
  if (problems.length > 0) return { ok: false, problems };
  // Fields are compared in the order of their names (UTF-16 code units): Event Ruler decides absence in that order.
  const sorted = combinations.map((fields) => [...fields.values()].sort((a, b) => (a.name < b.name ? -1 : 1)));
  return { ok: true, pattern: { combinations: sorted } };
}

type Path = readonly (string | number)[];
type Combination = ReadonlyMap<string, FieldTest>;

/** The position of the reader. */
interface Place {
  readonly path: Path;
  /** The names from the root to this position, joined by dots. */
  readonly name: string;
  readonly inOr: boolean;
  readonly reportAt: (path: Path) => Report;
}

/** The bridge's own limit of the combinations that nested `$or` produce. */
const MAX_COMBINATIONS = 1000;
/** Maximum levels of a pattern; the deepest published event has four. */
const MAX_DEPTH = 32;

function readFields(source: unknown, place: Place, combinations: readonly Combination[]): readonly Combination[] {
  const report = place.reportAt(place.path);
  if (!isObject(source) || Object.keys(source).length === 0) {
    report("give an object with at least one field");
    return combinations;
  }
  if (place.path.length > MAX_DEPTH) {
    report(`a pattern has at most ${MAX_DEPTH} levels`);
    return combinations;
  }
  let found = combinations;
  for (const [member, value] of Object.entries(source)) {
    const below = { ...place, path: [...place.path, member] };
    if (member === "$or") found = readOr(value, below, found);
    else found = readField(member, value, below, found);
  }
  return found;
}

function readField(
  member: string,
  value: unknown,
  place: Place,
  combinations: readonly Combination[],
): readonly Combination[] {
  const report = place.reportAt(place.path);
  const name = place.name === "" ? member : `${place.name}.${member}`;
  if (place.inOr && RESERVED_IN_OR.has(member)) {
    report(`"${member}" is an operator: $or takes objects of fields, like { field: [{ ${member}: … }] }`);
  } else if (isObject(value)) {
    return readFields(value, { ...place, name }, combinations);
  } else if (!Array.isArray(value)) {
    report('give a list of alternatives, like ["page.updated"], or an object of fields');
  } else if (value.length === 0) {
    report("an empty list matches nothing; give at least one alternative");
  } else if (combinations.some((fields) => fields.has(name))) {
    report(`the field ${name} occurs twice in one combination; put all its alternatives in one list`);
  } else {
    const field = readLeaf(name, value, place);
    return combinations.map((fields) => new Map([...fields, [name, field]]));
  }
  return combinations;
}

function readLeaf(name: string, alternatives: readonly unknown[], place: Place): FieldTest {
  const read = alternatives.map((source, index) => readAlternative(source, place.reportAt([...place.path, index])));
  return { name, tests: read.filter(isTest), orAbsent: read.includes("absent"), wanted: alternatives };
}

/** Extends every combination so far with each object of an `$or`. */
function readOr(source: unknown, place: Place, combinations: readonly Combination[]): readonly Combination[] {
  const report = place.reportAt(place.path);
  if (!Array.isArray(source) || source.length < 2) {
    report("$or takes a list of at least two objects of fields");
    return combinations;
  }
  const found = source.flatMap((branch, index) =>
    readFields(branch, { ...place, path: [...place.path, index], inOr: true }, combinations),
  );
  if (found.length <= MAX_COMBINATIONS) return found;
  report(`the $or of this pattern produce more than ${MAX_COMBINATIONS} combinations; split the route`);
  return combinations;
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isTest = (alternative: Alternative | undefined): alternative is ValueTest => typeof alternative === "function";

/** Names that Event Ruler reserves inside `$or` (`Constants.java`; some are for future operators). */
const RESERVED_IN_OR: ReadonlySet<string> = new Set(
  (
    "exactly equals-ignore-case prefix suffix anything-but exists wildcard numeric cidr = < <= > >= regex " +
    "not-wildcard not-equals-ignore-case date-after date-on-or-after date-before date-on-or-before in-date-range " +
    "ip-address-in-range ip-address-not-in-range"
  ).split(" "),
);
