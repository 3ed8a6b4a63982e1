import { BUS_EVENT_FIELDS, type Field, isValue } from "../../shared/config/checks/bus-event-fields.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import { providers } from "../../shared/providers/registry.ts";
import { table } from "../config-tables.ts";
import { publishedFixtures } from "./fixtures.ts";

/** How often each provider reports each field of `detail`, from its fixtures: a table for each part. */
export function eventFieldTables(): string {
  const reporters = providers.map(({ name }) => {
    const details = publishedFixtures(name, "fixture").flatMap(({ busEvents }) =>
      busEvents.map(({ detail }) => detail),
    );
    return { name, details };
  });
  const families = PARTS.filter((part) => !OF_ALL.includes(part)).map((part) => {
    const publishing = reporters.map(({ name, details }) => ({ name, details: details.filter(has(part)) }));
    return chapter(`Fields of \`${part}\``, [part], publishing);
  });
  return [chapter("Fields of several types", OF_ALL, reporters), ...families].join("\n\n");
}

interface Reporter {
  readonly name: string;
  readonly details: readonly Detail[];
}

/** Only reporters that publish one of these parts have a column. */
function chapter(heading: string, parts: readonly Part[], reporters: readonly Reporter[]): string {
  const publishing = reporters.filter(({ details }) => details.length > 0);
  const rows = parts
    .flatMap((part) => pathsBelow(part, BUS_EVENT_FIELDS.detail[part]))
    .map((path) => [`\`${path}\``, ...publishing.map(({ details }) => frequencyOf(path, details))]);
  return `### ${heading}\n\n${table(["field of `detail`", ...publishing.map(({ name }) => name)], rows)}`;
}

/** The fields that have one of a few words, with these words. */
export function eventValueTable(): string {
  const rows = PARTS.flatMap((part) => valuesBelow(part, BUS_EVENT_FIELDS.detail[part]));
  return table(["field of `detail`", "values"], rows);
}

function valuesBelow(path: string, field: Field): readonly (readonly string[])[] {
  if (field instanceof Set) return [[`\`${path}\``, [...field].map((word) => `\`${word}\``).join(", ")]];
  if (typeof field === "string") return [];
  if (isList(field)) return valuesBelow(path, field[0]);
  return Object.entries(field).flatMap(([member, below]) => valuesBelow(`${path}.${member}`, below));
}

type Detail = BusEvent["detail"];
type Part = keyof typeof BUS_EVENT_FIELDS.detail;

/** The same in every event: the table of the envelope describes them. */
const ENVELOPE: readonly Part[] = [
  ...(["id", "source", "type", "subject", "time", "delivery", "eventKey", "traceparent"] as const),
  ...(["replay", "principal"] as const),
];
/** Members of events of several families. */
const OF_ALL: readonly Part[] = ["undated", "actor", "label", "comment", "origin"];

// The keys of the constant.
const PARTS = (Object.keys(BUS_EVENT_FIELDS.detail) as Part[]).filter((part) => !ENVELOPE.includes(part));

const has =
  (part: Part) =>
  (detail: Detail): boolean =>
    part in detail;

/** A list has the paths of its elements, as in a pattern. */
function pathsBelow(path: string, field: Field): readonly string[] {
  if (isValue(field)) return [path];
  if (field === "any") return [`${path}.<name>`];
  if (isList(field)) return pathsBelow(path, field[0]);
  return Object.entries(field).flatMap(([member, below]) => pathsBelow(`${path}.${member}`, below));
}

const isList = (field: Exclude<Field, string>): field is readonly [Field] => Array.isArray(field);

function frequencyOf(path: string, details: readonly Detail[]): string {
  const count = details.filter((detail) => isThere(path.split("."), detail)).length;
  if (count === 0) return "never";
  return count === details.length ? "always" : "sometimes";
}

/** Whether a value is at the path, in at least one element of each list on the way. */
function isThere([step, ...steps]: readonly string[], value: unknown): boolean {
  if (Array.isArray(value)) return value.some((one) => isThere(step === undefined ? [] : [step, ...steps], one));
  if (step === undefined) return value !== undefined;
  if (typeof value !== "object" || value === null) return false;
  const members: Readonly<Record<string, unknown>> = { ...value };
  if (step === "<name>") return Object.keys(members).length > 0;
  return isThere(steps, members[step]);
}
