import { type EventFields, fieldsOf } from "./event-fields.ts";
import { failingField } from "./matches.ts";
import type { Scalar } from "./operators.ts";
import type { FieldTest, Pattern } from "./pattern.ts";
import { wantedText } from "./wanted-text.ts";

/** A field of a pattern that an event does not pass. */
interface Miss {
  /** Member names joined by dots: `detail.build.branch`. */
  readonly field: string;
  /** The first values that the event has there, cut; none if it has no such field. */
  readonly values: readonly Scalar[];
  /** One clause: `detail.build.branch is "Main", wants "main" or a prefix "release/"`. */
  readonly text: string;
}

/** Why a pattern does not match an event: the fields of the combination that comes nearest, which its event misses. */
export interface Mismatch {
  readonly matched: false;
  /** At least one. The most general first: who reported it, then its type, then the fields by name. */
  readonly misses: readonly Miss[];
  /** How many fields of the combination pass. */
  readonly passed: number;
}

export type MatchExplanation = { readonly matched: true } | Mismatch;

/** Says whether a pattern matches an event, exactly as `matches` decides it, and if not, which fields the event misses. */
export function explainMatch(pattern: Pattern, event: unknown): MatchExplanation {
  const fields = fieldsOf(event);
  let nearest: Mismatch | undefined;
  for (const combination of pattern.combinations) {
    const together = failingField(combination, fields);
    if (together === undefined) return { matched: true };
    const alone = combination.filter((field) => failingField([field], fields) !== undefined);
    const misses =
      alone.length > 0
        ? alone.toSorted((a, b) => generality(a.name) - generality(b.name)).map((field) => missOf(field, fields))
        : [missOf(together, fields, IN_OTHER_ELEMENT)];
    const mismatch: Mismatch = { matched: false, misses, passed: combination.length - misses.length };
    if (nearest === undefined || distance(mismatch) < distance(nearest)) nearest = mismatch;
  }
  return nearest ?? { matched: false, misses: [], passed: 0 };
}

/** A route, as far as its match is explained. */
export interface ExplainedRoute<Name> {
  readonly route: Name;
  readonly explanation: MatchExplanation;
}

/**
 * The routes with their explanations, the nearest first: those that match, then those for the source and the type of the
 * event, then those that fail in the fewest fields, then those that pass the most.
 */
export const nearestFirst = <Name>(routes: readonly ExplainedRoute<Name>[]): readonly ExplainedRoute<Name>[] =>
  routes.toSorted((a, b) => rank(a.explanation) - rank(b.explanation));

const rank = (explanation: MatchExplanation): number => (explanation.matched ? -1 : distance(explanation));

/** Smaller is nearer. A pattern has far fewer fields than the steps between these. */
function distance({ misses, passed }: Mismatch): number {
  const [other] = misses.map(({ field }) => generality(field)).sort();
  return OTHER[other ?? 2] * 1e8 + misses.length * 1e4 - passed;
}

type Generality = 0 | 1 | 2;
const OTHER = { 0: 2, 1: 1, 2: 0 } as const satisfies Record<Generality, number>;

/** 0: who reported an event, 1: its type, 2: everything else. */
function generality(field: string): Generality {
  if (field === "source" || field === "detail.source") return 0;
  return field === "detail-type" || field === "detail.type" ? 1 : 2;
}

const IN_OTHER_ELEMENT = ", but in one element of the list with the other fields";

function missOf({ name, wanted, orAbsent }: FieldTest, event: EventFields, where = ""): Miss {
  // `fieldsOf` reads a list from its end.
  const values = [...new Set((event.get(name) ?? []).map(({ value }) => value))].toReversed();
  const shown = values.slice(0, MAX_VALUES).map(cut);
  const more = values.length > shown.length ? ` and ${values.length - shown.length} more` : "";
  const is = shown.length === 0 ? "is missing" : `is ${shown.map((value) => JSON.stringify(value)).join(", ")}${more}`;
  const hint = where === "" && !orAbsent ? hintOf(values, wanted) : "";
  return { field: name, values: shown, text: `${name} ${is}, wants ${wantedText(wanted)}${where}${hint}` };
}

const MAX_VALUES = 5;
const MAX_VALUE_LENGTH = 200;

const cut = (value: Scalar): Scalar =>
  typeof value === "string" && value.length > MAX_VALUE_LENGTH ? `${value.slice(0, MAX_VALUE_LENGTH)}…` : value;

/** What people overlook: the same text in another case, with blanks or with the prefix of a ref, or a number as a text. */
function hintOf(values: readonly Scalar[], wanted: readonly unknown[]): string {
  for (const value of values) {
    for (const one of wanted) {
      const hint = HINTS.find(([, isSame]) => isSame(value, one));
      if (hint !== undefined) return ` (${hint[0]})`;
    }
  }
  return "";
}

const HINTS: readonly (readonly [string, (value: Scalar, wanted: unknown) => boolean])[] = [
  ["a number is not a text", (value, wanted) => typeof value !== typeof wanted && String(value) === wantedAs(wanted)],
  ["only upper and lower case differ", onTexts((value, wanted) => value.toLowerCase() === wanted.toLowerCase())],
  ["only blanks differ", onTexts((value, wanted) => value.trim() === wanted.trim())],
  ["the event has the short name of a ref", onTexts((value, wanted) => wanted.replace(/^refs\/\w+\//, "") === value)],
  ["the event has the full name of a ref", onTexts((value, wanted) => value.replace(/^refs\/\w+\//, "") === wanted)],
];

const wantedAs = (wanted: unknown): string | undefined =>
  typeof wanted === "object" || wanted === undefined ? undefined : String(wanted);

function onTexts(isSame: (value: string, wanted: string) => boolean) {
  return (value: Scalar, wanted: unknown): boolean =>
    typeof value === "string" && typeof wanted === "string" && isSame(value, wanted);
}
