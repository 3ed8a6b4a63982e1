import type { Scalar } from "./operators.ts";
import type { FieldTest, Pattern } from "./pattern.ts";

/**
 * Whether an entry matches. The entry is seen as Event Ruler sees it: a list of leaves with dotted names, each with the
 * array elements it lies in. A field matches where any of its leaves does; leaves inside the elements of one array count
 * together only when they lie in the same element (array consistency). Never throws, whatever the entry is.
 */
export function matches(pattern: Pattern, entry: unknown): boolean {
  const leaves = leavesOf(entry, pattern.names);
  return pattern.combinations.some((fields) => holds(fields, leaves));
}

interface Leaf {
  readonly value: Scalar;
  readonly within: Elements;
}

/** For each array around a leaf, by a number of its own, the index of the element the leaf lies in. */
type Elements = ReadonlyMap<number, number>;
type Leaves = ReadonlyMap<string, readonly Leaf[]>;

const NO_ELEMENTS: Elements = new Map();

/**
 * Keeps all ways to satisfy the fields so far, each with the elements it has settled on. Elements that no later field
 * lies in are forgotten, so there are never more ways than the entry has elements.
 */
function holds(fields: readonly FieldTest[], leaves: Leaves): boolean {
  let ways: readonly Elements[] = [NO_ELEMENTS];
  fields.forEach((field, index) => {
    const found = leaves.get(field.name) ?? [];
    const passing = found.filter(({ value }) => field.tests.some((test) => test(value)));
    const next = ways.flatMap((way) => {
      const joined = passing.map(({ within }) => join(way, within)).filter((it) => it !== undefined);
      const absent = field.orAbsent && !found.some(({ within }) => join(way, within) !== undefined);
      return absent ? [...joined, way] : joined;
    });
    ways = distinct(next, arraysAround(fields.slice(index + 1), leaves));
  });
  return ways.length > 0;
}

/** Both together, or nothing when they lie in different elements of one array. */
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
    const kept = [...way].filter(([array]) => arrays.has(array)).sort(([a], [b]) => a - b);
    byKey.set(kept.join(), new Map(kept));
  }
  return [...byKey.values()];
}

/** The leaves with one of `names`. Not recursive: an entry may be nested as deep as it likes. */
function leavesOf(entry: unknown, names: ReadonlySet<string>): Leaves {
  const leaves = new Map<string, Leaf[]>();
  const open: Node[] = [{ name: "", value: entry, within: undefined }];
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

/** An element of an array, and the one around that array. */
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
