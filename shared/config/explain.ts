import type * as v from "valibot";
import { suggestion } from "./suggest.ts";
import type { Path } from "./yaml-file.ts";

/** Something wrong at a path, and what would be right. */
export interface ConfigProblem {
  readonly path: Path;
  readonly message: string;
}

type Issue = v.BaseIssue<unknown>;

/** A schema's issues in the configuration's words. `schema` is the one that was checked; `at` is where its value stands. */
export function explain(issues: readonly Issue[], schema: v.GenericSchema, at: Path): readonly ConfigProblem[] {
  return issues.map((issue) => {
    const within = (issue.path ?? []).map(({ key }) => (typeof key === "number" ? key : String(key)));
    return { path: [...at, ...within], message: tell(issue, schema, within) };
  });
}

function tell(issue: Issue, schema: v.GenericSchema, within: Path): string {
  const key = String(within.at(-1) ?? "");
  if (issue.type === "strict_object" && issue.expected === "never") {
    return `there is no "${key}" here${suggestion(key, keysAt(schema, within.slice(0, -1)))}`;
  }
  if (issue.received === "undefined" && issue.expected !== null) return `"${key}" is missing`;
  if (issue.type === "union") return tellUnion(issue);
  if (issue.kind === "validation" && issue.message.startsWith("Invalid")) return bound(issue);
  return issue.kind === "schema"
    ? `it must be ${wanted(issue.expected)}, and is ${named(issue.received)}`
    : issue.message;
}

/** Of several shapes, the complaint of the one that came furthest is the useful one. */
function tellUnion(issue: Issue): string {
  const furthest = [...(issue.issues ?? [])].sort((a, b) => (b.path?.length ?? 0) - (a.path?.length ?? 0))[0];
  if (furthest === undefined || furthest.path === undefined) return `it must be ${wanted(issue.expected)}`;
  return `it fits none of the shapes allowed here: ${wanted(issue.expected)}`;
}

const bound = ({ requirement, type }: Issue & { readonly requirement?: unknown }): string =>
  `it must be ${BOUNDS[type]?.(String(requirement)) ?? "another value"}`;

const BOUNDS: Readonly<Record<string, (limit: string) => string>> = {
  min_value: (limit) => `${limit} or more`,
  max_value: (limit) => `${limit} or less`,
  integer: () => "a whole number",
  min_length: (limit) => `at least ${limit} long`,
  non_empty: () => "given, not empty",
  url: () => "an address, such as https://example.com",
};

const NAMES: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  Object: "a block of keys",
  Array: "a list",
};
const named = (type: string): string => NAMES[type] ?? (type.startsWith('"') ? "another text" : type);
const wanted = (expected: string | null): string =>
  expected === null ? "something else" : (NAMES[expected] ?? expected.replaceAll("Object", "a block of keys"));

/** The keys that a schema knows at a path. */
function keysAt(schema: unknown, path: Path): readonly string[] {
  const found = schemasAt([schema], path).flatMap((one) => (isEntries(one) ? Object.keys(one.entries) : []));
  return [...new Set(found)];
}

function schemasAt(schemas: readonly unknown[], path: Path): readonly unknown[] {
  const open = schemas.flatMap(unwrapped);
  const [step, ...rest] = path;
  if (step === undefined) return open;
  const below = open.flatMap((schema) => {
    if (isEntries(schema)) return [schema.entries[step]];
    if (has(schema, "value")) return [schema.value];
    return has(schema, "item") ? [schema.item] : [];
  });
  return schemasAt(below, rest);
}

/** Without `optional` around it, and each option of a union by itself. A pipe shows the members of its first schema. */
function unwrapped(schema: unknown): readonly unknown[] {
  if (has(schema, "wrapped")) return unwrapped(schema.wrapped);
  if (has(schema, "options") && Array.isArray(schema.options)) return schema.options.flatMap(unwrapped);
  return [schema];
}

const has = <K extends string>(value: unknown, key: K): value is Record<K, unknown> =>
  typeof value === "object" && value !== null && key in value;

const isEntries = (schema: unknown): schema is { entries: Record<string, unknown> } =>
  has(schema, "entries") && typeof schema.entries === "object" && schema.entries !== null;
