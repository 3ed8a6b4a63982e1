import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import type { Fields, Item, Value } from "../table.ts";

export type StoredItem = Record<string, AttributeValue>;

/** Omits members that are undefined. */
export function toStored(item: Fields): StoredItem {
  const stored: StoredItem = {};
  for (const [name, value] of Object.entries(item)) {
    if (value !== undefined) stored[name] = toAttribute(value);
  }
  return stored;
}

export function fromStored(stored: StoredItem): Item {
  const item: Record<string, Value> = {};
  for (const [name, value] of Object.entries(stored)) {
    const plain = value.S ?? value.B ?? (value.N === undefined ? undefined : Number(value.N));
    if (plain !== undefined) item[name] = plain;
  }
  return item;
}

function toAttribute(value: Value): AttributeValue {
  if (typeof value === "string") return { S: value };
  return typeof value === "number" ? { N: String(value) } : { B: value };
}
