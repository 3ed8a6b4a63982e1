import type { AttributeValue } from "@aws-sdk/client-dynamodb";

/** An item as plain values; the table contains only strings, numbers and bytes. */
export type Item = Readonly<Record<string, string | number | Uint8Array>>;

export type StoredItem = Record<string, AttributeValue>;

/** Omits members that are undefined. */
export function toStored(item: Readonly<Record<string, string | number | Uint8Array | undefined>>): StoredItem {
  const stored: StoredItem = {};
  for (const [name, value] of Object.entries(item)) {
    if (value !== undefined) stored[name] = toAttribute(value);
  }
  return stored;
}

export function fromStored(stored: StoredItem): Item {
  const item: Record<string, string | number | Uint8Array> = {};
  for (const [name, value] of Object.entries(stored)) {
    const plain = value.S ?? value.B ?? (value.N === undefined ? undefined : Number(value.N));
    if (plain !== undefined) item[name] = plain;
  }
  return item;
}

function toAttribute(value: string | number | Uint8Array): AttributeValue {
  if (typeof value === "string") return { S: value };
  return typeof value === "number" ? { N: String(value) } : { B: value };
}
