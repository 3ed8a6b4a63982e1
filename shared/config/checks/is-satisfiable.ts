import type { Scalar } from "../../routes/operators.ts";
import type { FieldTest, Pattern } from "../../routes/pattern.ts";

/**
 * What is known of a field in some events: the values that it can have, none if it is never there. Undefined if nothing is
 * known.
 */
export type Facts = (field: string) => readonly Scalar[] | undefined;

/** Whether events with these facts can match a pattern, whatever the other fields are. */
export const isSatisfiable = ({ combinations }: Pattern, facts: Facts): boolean =>
  combinations.some((fields) => canHold(fields, facts));

/** Whether events with these facts can match one combination of a pattern. */
export const canHold = (fields: readonly FieldTest[], facts: Facts): boolean =>
  fields.every(({ name, tests, orAbsent }) => {
    const values = facts(name);
    if (values === undefined) return true;
    return values.length === 0 ? orAbsent : values.some((value) => tests.some((test) => test(value)));
  });
