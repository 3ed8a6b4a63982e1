import { type Elements, type EventFields, fieldsOf, NO_ELEMENTS } from "./event-fields.ts";
import type { FieldTest, Pattern } from "./pattern.ts";

/**
 * Whether an event matches. A field matches if any of its leaves does; leaves inside one array match together only if
 * they are in the same element (array consistency). The first field that fails ends a combination. Never throws, for any
 * value of `event`.
 */
export function matches(pattern: Pattern, event: unknown): boolean {
  const fields = fieldsOf(event);
  return pattern.combinations.some((combination) => failingField(combination, fields) === undefined);
}

/**
 * The first field with which a combination cannot match any more, in the order of its fields; undefined if it matches.
 * Tracks all ways to satisfy the fields so far, each with the array elements that it uses. Arrays that contain no later
 * field are dropped, so there are never more ways than the event has elements.
 */
export function failingField(fields: readonly FieldTest[], event: EventFields): FieldTest | undefined {
  let ways: readonly Elements[] = [NO_ELEMENTS];
  return fields.find((field, index) => {
    const next = waysThrough(field, ways, event);
    if (next !== ways) ways = distinct(next, arraysAround(fields.slice(index + 1), event));
    return ways.length === 0;
  });
}

/** The ways that satisfy one more field too; the same list if the field uses no element of an array. */
function waysThrough(field: FieldTest, ways: readonly Elements[], event: EventFields): readonly Elements[] {
  const found = event.get(field.name) ?? [];
  const passing = found.filter(({ value }) => field.tests.some((test) => test(value)));
  if (passing.length === 0 && !field.orAbsent) return [];
  if (passing.length > 0 && passing.every(({ within }) => within.size === 0)) return ways;
  return ways.flatMap((way) => {
    const joined = passing.map(({ within }) => join(way, within)).filter((elements) => elements !== undefined);
    const absent = field.orAbsent && !found.some(({ within }) => join(way, within) !== undefined);
    return absent ? [...joined, way] : joined;
  });
}

/** Joins two sets of elements; undefined if they use different elements of one array. */
function join(a: Elements, b: Elements): Elements | undefined {
  if (b.size === 0) return a;
  for (const [array, index] of b) if ((a.get(array) ?? index) !== index) return undefined;
  return a.size === 0 ? b : new Map([...a, ...b]);
}

function arraysAround(fields: readonly FieldTest[], event: EventFields): ReadonlySet<number> {
  return new Set(fields.flatMap(({ name }) => event.get(name) ?? []).flatMap(({ within }) => [...within.keys()]));
}

function distinct(ways: readonly Elements[], arrays: ReadonlySet<number>): readonly Elements[] {
  const byKey = new Map<string, Elements>();
  for (const way of ways) {
    const relevant = [...way].filter(([array]) => arrays.has(array)).sort(([a], [b]) => a - b);
    byKey.set(relevant.join(), new Map(relevant));
  }
  return [...byKey.values()];
}
