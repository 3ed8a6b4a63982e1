import { suggestion } from "../suggest.ts";
import { BUS_EVENT_FIELDS, type Field, isValue, type Value } from "./bus-event-fields.ts";

/** Returns why a field never has this value of a pattern, and what would be right; undefined if it can have it. */
export function valueProblem(steps: readonly string[], alternative: unknown): string | undefined {
  const value = valueAt(steps, BUS_EVENT_FIELDS);
  const field = steps.join(".");
  // An operator, such as { prefix: … }.
  if (value === undefined || alternative === null || typeof alternative === "object") return undefined;
  const written = String(alternative);
  if (value === "boolean") {
    return typeof alternative === "boolean" ? undefined : `"${field}" is true or false, without quotation marks`;
  }
  if (value === "number") {
    return typeof alternative === "number" ? undefined : `"${field}" is a number, without quotation marks`;
  }
  if (typeof alternative !== "string") return `"${field}" is a text: write "${written}", with quotation marks`;
  if (value !== "text") {
    return value.has(written) ? undefined : `there is no "${written}"${suggestion(written, [...value])}`;
  }
  return written.includes("*") && NAMES.test(field)
    ? `"*" is an ordinary character here: write { wildcard: "${written}" }`
    : undefined;
}

/** The value at the end of these steps through an event, also in a list. */
function valueAt([step, ...steps]: readonly string[], field: Field): Value | undefined {
  if (isList(field)) return valueAt(step === undefined ? [] : [step, ...steps], field[0]);
  if (isValue(field)) return step === undefined ? field : undefined;
  if (field === "any" || step === undefined || !Object.hasOwn(field, step)) return undefined;
  const below = field[step];
  return below && valueAt(steps, below);
}

const isList = (field: Field): field is readonly [Field] => Array.isArray(field);

/** Names of branches, tags and projects have no asterisk: https://git-scm.com/docs/git-check-ref-format */
const NAMES =
  /^detail\.(code\.(name|ref)|.+\.(branch|tag|refName|defaultBranch|(source|target)Branch|([a-z]+P|p)roject))$/;
