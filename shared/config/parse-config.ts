import * as v from "valibot";
import { DEFAULT_ROLES } from "../identity/policy.ts";
import { type BuiltConfig, buildConfig, type Names } from "./build-config.ts";
import { type ConfigProblem, explain } from "./explain.ts";
import { outline } from "./schema.ts";

/**
 * Parses the plain values of a file. The valid parts are checked further even if other parts are invalid, so that all
 * mistakes are reported at once.
 */
export function parseConfigValue(value: unknown): BuiltConfig {
  if (value === null) return { problems: [{ path: [], message: EMPTY }] };
  const parsed = v.safeParse(outline, value);
  const names = namesIn(value);
  if (parsed.success) return buildConfig(parsed.output, names);
  const problems = explain(parsed.issues, outline, []);
  const rest = v.safeParse(outline, without(value, problems));
  if (!rest.success) return { problems };
  const { config, problems: more } = buildConfig(rest.output, names);
  return { ...(config && { config }), problems: [...problems, ...more] };
}

const EMPTY = 'it is empty; a configuration has at least "sources"';

/** Returns the names that the file defines, including those of invalid parts. */
function namesIn(value: unknown): Names {
  const { issuers, sources, targets, routes, roles = DEFAULT_ROLES, ...rest } = blockOf(value);
  // A key that is no section may be a misspelt one.
  const misspelt = Object.entries(rest).flatMap(([key, entries]) => (key in outline.entries ? [] : [entries]));
  const names = (section: unknown): readonly string[] =>
    [section, ...misspelt].flatMap((entries) => Object.keys(blockOf(entries)));
  return {
    issuers: names(issuers),
    sources: names(sources),
    targets: names(targets),
    roles: names(roles),
    routes: names(routes),
  };
}

/** Returns the file without the sections and entries that have a problem. */
function without(value: unknown, problems: readonly ConfigProblem[]): object {
  const sections = Object.entries(blockOf(value))
    .filter(([section]) => !problems.some(({ path }) => path.length === 1 && path[0] === section))
    .map(([section, entries]) => {
      const wrong = new Set(problems.filter(({ path }) => path[0] === section).map(({ path }) => path[1]));
      return [section, Object.fromEntries(Object.entries(blockOf(entries)).filter(([name]) => !wrong.has(name)))];
    });
  return { sources: {}, ...Object.fromEntries(sections) };
}

const blockOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
