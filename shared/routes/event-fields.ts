import type { Scalar } from "./operators.ts";

/** An event as Event Ruler reads it: its leaves by their dotted names. */
export type EventFields = ReadonlyMap<string, readonly Leaf[]>;

interface Leaf {
  readonly value: Scalar;
  readonly within: Elements;
}

/** The index of the element that contains the leaf, by the number of each array around it. */
export type Elements = ReadonlyMap<number, number>;

export const NO_ELEMENTS: Elements = new Map();

/**
 * The fields of an event, which must not change afterwards. They are the same for all patterns, so they are built once for
 * each event and kept as long as it. Never throws, for any value of `event`.
 */
export function fieldsOf(event: unknown): EventFields {
  if (typeof event !== "object" || event === null) return NO_FIELDS;
  const known = KEPT.get(event);
  if (known) return known;
  const fields = readFields(event);
  KEPT.set(event, fields);
  return fields;
}

const NO_FIELDS: EventFields = new Map();
const KEPT = new WeakMap<object, EventFields>();

/** Not recursive: an event may be nested to any depth. */
function readFields(event: object): EventFields {
  const fields = new Map<string, Leaf[]>();
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
        open.push({ name: name === "" ? member : `${name}.${member}`, value: below, within });
      }
    } else if (isScalar(value) && name !== "") {
      const leaf = { value, within: elementsOf(within) };
      const found = fields.get(name);
      if (found) found.push(leaf);
      else fields.set(name, [leaf]);
    }
  }
  return fields;
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
