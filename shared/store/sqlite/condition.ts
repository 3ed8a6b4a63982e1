import type { Condition, Fields, ItemChange } from "../table.ts";

/** Whether the condition is true of an item with these fields. Texts compare by their UTF-8 bytes, as in DynamoDB. */
export function isTrueOf(condition: Condition, item: Fields): boolean {
  if ("all" in condition) return condition.all.every((one) => isTrueOf(one, item));
  if ("any" in condition) return condition.any.some((one) => isTrueOf(one, item));
  const value = item[condition.field];
  switch (condition.is) {
    case "absent":
      return value === undefined;
    case "present":
      return value !== undefined;
    case "in":
      return typeof value === "string" && condition.values.includes(value);
    case "=":
      return value === condition.value;
    case "<>":
      return value !== condition.value;
    default: {
      if (value === undefined || typeof value !== typeof condition.value) return false;
      const order = compare(value as string | number, condition.value);
      if (condition.is === "<") return order < 0;
      return condition.is === "<=" ? order <= 0 : order > 0;
    }
  }
}

/** The fields of the item after the change. */
export function changed(item: Fields, { set, add = {}, remove = [] }: ItemChange): Fields {
  const after: Record<string, Fields[string]> = { ...item };
  for (const [field, value] of Object.entries(set ?? {})) if (value !== undefined) after[field] = value;
  for (const [field, value] of Object.entries(add)) after[field] = Number(after[field] ?? 0) + value;
  for (const field of remove) delete after[field];
  return after;
}

function compare(one: string | number, other: string | number): number {
  if (typeof one === "number") return one - Number(other);
  return Buffer.compare(Buffer.from(one), Buffer.from(String(other)));
}
