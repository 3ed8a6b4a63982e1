import * as v from "valibot";
import { secretRef } from "../host/secrets.ts";
import { intendedFor, keysOf, schemasAt } from "./schema-parts.ts";
import { suggestion } from "./suggest.ts";
import { referenceMeantBy, UNFILLED } from "./variables.ts";
import type { Path } from "./yaml-file.ts";

/** A mistake at a path. The message says what would be right. */
export interface ConfigProblem {
  readonly path: Path;
  readonly message: string;
}

type Issue = v.BaseIssue<unknown>;

/**
 * Translates the issues of a schema into problems of the configuration. `schema` is the schema that was applied, `at` the
 * path of its value. No message repeats a value: it may be a secret in the wrong place.
 */
export function explain(issues: readonly Issue[], schema: v.GenericSchema, at: Path): readonly ConfigProblem[] {
  const problems = issues.flatMap((issue) => explainOne(issue, schema, at));
  const different = new Map(problems.map((problem) => [`${problem.path.join("\n")}\n${problem.message}`, problem]));
  return [...different.values()];
}

function explainOne(issue: Issue, schema: v.GenericSchema, at: Path): readonly ConfigProblem[] {
  const steps = issue.path ?? [];
  const within = steps.map(({ key }) => (typeof key === "number" ? key : String(key)));
  // A schema of keys accepts a list as an object whose keys are numbers.
  const list = steps.findIndex(({ type, input }) => type === "object" && Array.isArray(input));
  if (list >= 0) {
    return [{ path: [...at, ...within.slice(0, list)], message: "it must be a block of keys, and is a list" }];
  }
  const path = [...at, ...within];
  const schemas = schemasAt(schema, within);
  const intended = issue.type === "union" && intendedFor(issue.input, schemas);
  const parsed = intended && v.safeParse(intended, issue.input);
  if (intended && parsed && !parsed.success) return explain(parsed.issues, intended, path);
  if (issue.type === "strict_object" && issue.expected === "never") {
    return [{ path, message: unknownKeyMessage(within, schema) }];
  }
  const message = unfilled(issue, schemas) ?? messageOf(issue, String(within.at(-1) ?? ""), schemas);
  return [{ path, message }];
}

/** Returns the message for a variable in place of a value; undefined if the value is no variable. */
function unfilled(issue: Issue, schemas: readonly v.GenericSchema[]): string | undefined {
  const reference = typeof issue.input === "string" ? referenceMeantBy(issue.input) : undefined;
  if (reference === undefined) return undefined;
  const blocks = schemas.map(keysOf).filter((keys) => keys !== undefined);
  if (blocks.some((keys) => keys.includes("current"))) return `${UNFILLED}: write { current: ${reference} }`;
  if (blocks.length > 0) return undefined;
  return `${UNFILLED}: write ${schemas.some(isSecretRef) ? reference : "the value itself"}`;
}

/** Compares titles, because a schema with its own description is another object. */
const isSecretRef = (schema: v.GenericSchema): boolean => v.getTitle(schema) === v.getTitle(secretRef);

function unknownKeyMessage(within: Path, schema: v.GenericSchema): string {
  const key = String(within.at(-1));
  const known = schemasAt(schema, within.slice(0, -1)).flatMap((one) => keysOf(one) ?? []);
  return `there is no "${key}" here${suggestion(key, [...new Set(known)])}`;
}

function messageOf(issue: Issue, key: string, schemas: readonly v.GenericSchema[]): string {
  const isOwnMessage = !issue.message.startsWith("Invalid ");
  const namesExpected = issue.kind === "validation" && typeof issue.input === "string";
  if (isOwnMessage) return namesExpected ? `it must be ${issue.message}` : issue.message;
  if (issue.received === "undefined" && issue.expected !== null) return `"${key}" is missing`;
  if (issue.kind === "validation") return `it must ${bound(issue)}`;
  const wanted = `it must be ${wantedOf(issue, schemas)}`;
  if (typeof issue.input === "string" && issue.type === "picklist") return wanted;
  const is = kindOf(issue.input);
  if (issue.type === "union" && is === KINDS.object) return `${wanted}, and has ${keysIn(issue.input)}`;
  return `${wanted}, and is ${is}${needsQuotes(issue) ? ": put it in quotes" : ""}`;
}

/** Returns the expected value in words: the keys that distinguish several blocks, the keys of one block, or the kinds. */
function wantedOf({ type, expected }: Issue, schemas: readonly v.GenericSchema[]): string {
  const blocks = schemas.map(keysOf).filter((keys) => keys !== undefined);
  if (type === "union" && blocks.length === schemas.length) {
    return `a block with exactly one of ${blocks.map((keys) => keys.join(" and ")).join(", ")}`;
  }
  const [block] = blocks;
  if (expected === "Object" && block) return `a block of keys (${block.join(", ")})`;
  return optionsIn(expected).join(" or ");
}

/** `("a" | "b")` and `(string | Array)` in words. */
function optionsIn(expected: string | null): readonly string[] {
  const options = (expected ?? "something else").replace(/^\((.*)\)$/, "$1").split(" | ");
  return options.map((option) => NAMES[option] ?? option.replace(/^"(.*)"$/, "$1"));
}

const NAMES: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  Object: "a block of keys",
  Array: "a list",
};

function kindOf(value: unknown): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return "a list";
  const type = typeof value;
  return type in KINDS ? KINDS[type as keyof typeof KINDS] : "something else";
}

const KINDS = {
  string: "a text",
  number: "a number",
  boolean: "true or false",
  object: "a block of keys",
} as const;

const keysIn = (value: unknown): string => Object.keys(value ?? {}).join(", ") || "none";

const needsQuotes = ({ input, expected }: Issue): boolean =>
  /\bstring\b/.test(expected ?? "") && (typeof input === "number" || typeof input === "boolean");

function bound({ requirement, type }: Issue & { readonly requirement?: unknown }): string {
  return BOUNDS[type]?.(String(requirement)) ?? "be another value";
}

const BOUNDS: Readonly<Record<string, (limit: string) => string>> = {
  min_value: (limit) => `be ${limit} or more`,
  max_value: (limit) => `be ${limit} or less`,
  integer: () => "be a whole number",
  min_length: (limit) => (limit === "1" ? "not be empty" : `be at least ${limit} long`),
  max_length: (limit) => `be at most ${limit} long`,
  non_empty: () => "not be empty",
  url: () => "be an address, such as https://example.com",
};
