import type { Scalar } from "../../routes/operators.ts";
import type { Pattern } from "../../routes/pattern.ts";

/** The values that a published event can have, by field, for fields that every event has. */
export type Possible = Readonly<Record<string, readonly Scalar[]>>;

/** Whether `possible` can satisfy one combination of a pattern, whatever the values of other fields are. */
export function isSatisfiable({ combinations }: Pattern, possible: Possible): boolean {
  return combinations.some((fields) =>
    fields.every(({ name, tests }) => possible[name]?.some((value) => tests.some((test) => test(value))) ?? true),
  );
}
