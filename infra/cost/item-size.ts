import type { StoredItem } from "../../shared/store/dynamodb/item.ts";

/**
 * Bytes of an item as DynamoDB counts them for reads and writes: the names and the values of its attributes, in UTF-8.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
 */
export const itemBytes = (item: StoredItem): number =>
  sum(Object.entries(item).map(([name, value]) => utf8(name) + valueBytes(value)));

/** A write costs one unit per started kilobyte (same page). */
export const writeUnits = (bytes: number): number => Math.max(1, Math.ceil(bytes / 1_024));

/** The table has texts, whole numbers that are not negative, and bytes (`shared/store/dynamodb/item.ts`). */
function valueBytes({ S, N, B }: StoredItem[string]): number {
  if (S !== undefined) return utf8(S);
  return B === undefined ? numberBytes(N ?? "") : B.length;
}

/** One byte, and one per pair of digits, counted from the decimal point, without pairs of zeros at both ends. */
function numberBytes(digits: string): number {
  const even = digits.length % 2 === 0 ? digits : `0${digits}`;
  return 1 + even.replace(/^(00)+/, "").replace(/(00)+$/, "").length / 2;
}

const utf8 = (text: string): number => Buffer.byteLength(text, "utf8");
const sum = (all: readonly number[]): number => all.reduce((total, one) => total + one, 0);
