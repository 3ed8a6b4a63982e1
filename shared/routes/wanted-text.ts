/**
 * The alternatives of a field in words, such as `"main" or a prefix "release/"`. They are as written in a pattern that
 * compiled: the values and operators of `operators.ts`.
 */
export function wantedText(wanted: readonly unknown[]): string {
  const texts = [...new Set(wanted.slice(0, MAX_SHOWN).map(alternativeText))];
  const more = wanted.length > MAX_SHOWN ? [`one of ${wanted.length - MAX_SHOWN} more`] : [];
  return anyOf([...texts, ...more]);
}

const MAX_SHOWN = 8;

function alternativeText(wanted: unknown): string {
  const entry = onlyMember(wanted);
  if (entry === undefined) return JSON.stringify(wanted);
  const [operator, operand] = entry;
  switch (operator) {
    case "prefix":
    case "suffix":
    case "wildcard":
    case "equals-ignore-case":
      return textOperator(operator, operand);
    case "anything-but":
      return `anything but ${anythingBut(operand)}`;
    case "numeric":
      return `a number ${pairs(operand).join(" and ")}`;
    case "exists":
      return operand === true ? "any value" : "no value";
    case "cidr":
      return `an address in ${String(operand)}`;
    default:
      return JSON.stringify(wanted);
  }
}

function textOperator(operator: string, operand: unknown): string {
  const inner = onlyMember(operand);
  if (inner !== undefined) return `${textOperator(operator, inner[1])} in any case`;
  const text = JSON.stringify(operand);
  return operator === "equals-ignore-case" ? `${text} in any case` : `a ${operator} ${text}`;
}

function anythingBut(operand: unknown): string {
  const [operator, operands] = onlyMember(operand) ?? [undefined, operand];
  const all: readonly unknown[] = Array.isArray(operands) ? operands : [operands];
  return anyOf(all.map((one) => (operator === undefined ? JSON.stringify(one) : textOperator(operator, one))));
}

/** The comparisons of `numeric`: `[">=", 0, "<", 10]`. */
function pairs(operand: unknown): readonly string[] {
  const [operator, bound, ...others]: readonly unknown[] = Array.isArray(operand) ? operand : [];
  return operator === undefined ? [] : [`${String(operator)} ${String(bound)}`, ...pairs(others)];
}

const anyOf = (texts: readonly string[]): string =>
  texts.length < 2 ? (texts[0] ?? "") : `${texts.slice(0, -1).join(", ")} or ${texts[texts.length - 1]}`;

/** The name and the value of the only member of an object; undefined for anything else. */
function onlyMember(value: unknown): readonly [string, unknown] | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const [entry]: readonly (readonly [string, unknown])[] = Object.entries(value);
  return entry;
}
