import type { Scalar } from "./operators.ts";
import type { FieldTest, Pattern } from "./pattern.ts";

/**
 * Whether an event matches. The event is read as Event Ruler reads it: a list of leaves with dotted names, each with
 * the array elements that contain it. A field matches if any of its leaves does; leaves inside one array match together
 * only if they are in the same element (array consistency). Never throws, for any value of `event`.
 */
export function matches(pattern: Pattern, event: unknown): boolean {
  const leaves = leavesOf(event, pattern.names);
  return pattern.combinations.some((fields) => holds(fields, leaves));
}

interface Leaf {
  readonly value: Scalar;
  readonly within: Elements;
}

/** The index of the element that contains the leaf, by the number of each array around it. */
type Elements = ReadonlyMap<number, number>;
type Leaves = ReadonlyMap<string, readonly Leaf[]>;

const NO_ELEMENTS: Elements = new Map();

/**
 * Tracks all ways to satisfy the fields so far, each with the array elements that it uses. Arrays that contain no later
 * field are dropped, so there are never more ways than the event has elements.
 */
function holds(fields: readonly FieldTest[], leaves: Leaves): boolean {
  let ways: readonly Elements[] = [NO_ELEMENTS];
  fields.forEach((field, index) => {
    const found = leaves.get(field.name) ?? [];
    const passing = found.filter(({ value }) => field.tests.some((test) => test(value)));
    const next = ways.flatMap((way) => {
      const joined = passing.map(({ within }) => join(way, within)).filter((elements) => elements !== undefined);
      const absent = field.orAbsent && !found.some(({ within }) => join(way, within) !== undefined);
      return absent ? [...joined, way] : joined;
    });
    ways = distinct(next, arraysAround(fields.slice(index + 1), leaves));
  });
  return ways.length > 0;
}

/** Joins two sets of elements; undefined if they use different elements of one array. */
function join(a: Elements, b: Elements): Elements | undefined {
  if (b.size === 0) return a;
  for (const [array, index] of b) if ((a.get(array) ?? index) !== index) return undefined;
  return a.size === 0 ? b : new Map([...a, ...b]);
}

function arraysAround(fields: readonly FieldTest[], leaves: Leaves): ReadonlySet<number> {
  return new Set(fields.flatMap(({ name }) => leaves.get(name) ?? []).flatMap(({ within }) => [...within.keys()]));
}

function distinct(ways: readonly Elements[], arrays: ReadonlySet<number>): readonly Elements[] {
  const byKey = new Map<string, Elements>();
  for (const way of ways) {
    const relevant = [...way].filter(([array]) => arrays.has(array)).sort(([a], [b]) => a - b);
    byKey.set(relevant.join(), new Map(relevant));
  }
  return [...byKey.values()];
}

/** Returns the leaves whose name is one of `names`. Not recursive: an event may be nested to any depth. */
function leavesOf(event: unknown, names: ReadonlySet<string>): Leaves {
  const leaves = new Map<string, Leaf[]>();
  const open: Node[] = [{ name: "", value: event, within: undefined }];
  let arrays = 0;
  for (let node = open.pop(); node; node = open.pop()) {
    const { name, value, within } = node;
    if (Array.isArray(value)) {
      const array = arrays++;
      value.forEach((element: unknown, index) => {
        open.push({ name, value: element, within: isScalar(element) ? within : { array, index, outer: within } });
      });
    } else if (typeof value === "object" && value !== null) {
      for (const [member, below] of Object.entries(value)) {
        const full = name === "" ? member : `${name}.${member}`;
        if (names.has(full)) open.push({ name: full, value: below, within });
      }
    } else if (isScalar(value) && name !== "") {
      const leaf = { value, within: elementsOf(within) };
      const found = leaves.get(name);
      if (found) found.push(leaf);
      else leaves.set(name, [leaf]);
    }
  }
  return leaves;
}

interface Node {
  readonly name: string;
  readonly value: unknown;
  readonly within: Element | undefined;
}

/** An element of an array, and the element that contains that array. */
interface Element {
  readonly array: number;
  readonly index: number;
  readonly outer: Element | undefined;
}

function elementsOf(innermost: Element | undefined): Elements {
  if (innermost === undefined) return NO_ELEMENTS;
  const elements = new Map<number, number>();
  for (let at: Element | undefined = innermost; at; at = at.outer) elements.set(at.array, at.index);
  return elements;
}

const isScalar = (value: unknown): value is Scalar =>
  value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean";
