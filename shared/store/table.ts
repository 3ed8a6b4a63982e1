import type { TABLE } from "./key-schema.ts";

export type Value = string | number | Uint8Array;

/** An item as plain values. Only the field `content` may contain bytes. */
export type Item = Readonly<Record<string, Value>>;

/** Fields to write. Members that are undefined are omitted. */
export type Fields = Readonly<Record<string, Value | undefined>>;

export interface ItemKey {
  readonly pk: string;
  readonly sk: string;
}

/**
 * What must be true of the stored item before a change. A missing item has no fields. A comparison with a missing field
 * is false, except that a missing field differs from every value.
 */
export type Condition =
  | { readonly field: string; readonly is: "absent" | "present" }
  | { readonly field: string; readonly is: "=" | "<>" | "<" | "<=" | ">"; readonly value: string | number }
  | { readonly field: string; readonly is: "in"; readonly values: readonly string[] }
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] };

export interface ItemChange {
  readonly condition: Condition;
  readonly set?: Fields;
  /** Numbers to add. A missing field counts as 0. */
  readonly add?: Readonly<Record<string, number>>;
  readonly remove?: readonly string[];
}

export type TableIndex = (typeof TABLE)["dueIndex" | "stateIndex"]["name"];

/** Items of one partition of the table or of an index, in the order of the sort key. */
export interface Selection {
  /**
   * Undefined: the table itself. An index is eventually consistent and has only the fields that it projects. The keys of the
   * index of states have no control characters.
   */
  readonly index?: TableIndex;
  readonly partition: string;
  /** Lowest sort key, inclusive. */
  readonly from?: string | number;
  /** Highest sort key, inclusive. */
  readonly to?: string | number;
  readonly newestFirst?: boolean;
  /** Maximum number of items. */
  readonly limit?: number;
}

/**
 * The only port of storage: one table with the keys and indexes of {@link TABLE}. Each write is atomic, together with its
 * index entries, and durable when its promise resolves. A failed condition is a return value. Every other failure is
 * thrown as `store_unavailable`, and whether the write took effect is then unknown.
 */
export interface Table {
  /** Writes an item if its key is free. False if another call has written the key. */
  create(item: Fields & ItemKey): Promise<boolean>;
  /** Writes an item and replaces any item with the same key. */
  put(item: Fields & ItemKey): Promise<void>;
  /**
   * Changes one item, or creates it, if the condition is true. Returns the item before the change, without fields if it
   * did not exist; undefined, and no change, if the condition is false.
   */
  change(key: ItemKey, change: ItemChange): Promise<Item | undefined>;
  /** Strongly consistent. */
  get(key: ItemKey): Promise<Item | undefined>;
  /** Yields the selected items, page by page, until the reader stops or `limit` items were yielded. */
  select(selection: Selection): AsyncGenerator<Item>;
}

/** True if the item lacks the field, or if the comparison is true of it. */
export const absentOr = (comparison: Extract<Condition, { readonly value: unknown }>): Condition => ({
  any: [{ field: comparison.field, is: "absent" }, comparison],
});

/** The range of sort keys that begin with `prefix`. */
export const beginningWith = (prefix: string) => ({ from: prefix, to: `${prefix}\u{10ffff}` });

/** Maximum items of one page of a selection. */
export const PAGE_ITEMS = 100;
