import type { Scalar } from "../../routes/operators.ts";
import type { Pattern } from "../../routes/pattern.ts";

/** Values that a field of a published entry can have, for fields that every entry has. */
export type Possible = Readonly<Record<string, readonly Scalar[]>>;

/** Whether one combination of a pattern can be satisfied by `possible`, whatever the other fields hold. */
export function canMatch({ combinations }: Pattern, possible: Possible): boolean {
  return combinations.some((fields) =>
    fields.every(({ name, tests }) => possible[name]?.some((value) => tests.some((test) => test(value))) ?? true),
  );
}
