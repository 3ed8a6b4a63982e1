import type { ConfigProblem } from "../explain.ts";
import { stringsIn } from "../references.ts";
import type { ConfiguredRoute } from "../schema.ts";
import { suggestion } from "../suggest.ts";
import { type Path, shownPath } from "../yaml-file.ts";
import { BUS_EVENT_FIELDS, type Field, isValue } from "./bus-event-fields.ts";
import type { Check } from "./check.ts";
import { isSatisfiable } from "./is-satisfiable.ts";
import { allEvents, hasPart, lacks } from "./known-events.ts";
import { valuesOf } from "./pattern-values.ts";

export const unknownPath: Check = {
  id: "unknown-path",
  level: "error",
  finds:
    "a field that no [event](events.md) has, in `when` or in a path such as `$.detail.page.id`, or a path that leads to a block or a list instead of a value: the route would never match, or the text would always be empty",
  remedy: "correct the path; the finding names the nearest field",
  canBeIgnored: true,
  needs: [],
  run: ({ routes }) =>
    routes.flatMap((route) => {
      const inPattern = valuesOf(route)
        .filter(({ steps }) => !ADDED_IN_AWS.includes(steps[0] ?? ""))
        .flatMap(({ path, steps }) =>
          problemsOf(steps, "pattern").map((message) => ({ path: path.slice(0, -1), message })),
        );
      const inOptions = pathsIn(route).flatMap(([path, steps]) =>
        problemsOf(steps, "path").map((message) => ({ path, message })),
      );
      return distinct([...inPattern, ...inOptions]);
    }),
};

export const awsOnlyField: Check = {
  id: "aws-only-field",
  level: "warning",
  finds: "a route on a field that EventBridge adds, such as `account` or `region`: it exists in AWS only",
  remedy: "remove the field; on one machine the route means something else",
  canBeIgnored: true,
  needs: [],
  run: ({ routes }) =>
    routes.flatMap((route) =>
      distinct(
        valuesOf(route)
          .filter(({ steps }) => ADDED_IN_AWS.includes(steps[0] ?? ""))
          .map(({ path, steps }) => ({
            path: path.slice(0, -1),
            message: `"${steps[0]}" is a field that EventBridge adds: on one machine no event has it`,
          })),
      ),
    ),
};

/** https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html */
const ADDED_IN_AWS: readonly string[] = ["account", "region", "resources", "id", "version"];

export const pathWithoutValue: Check = {
  id: "path-without-value",
  level: "warning",
  finds:
    "a path such as `$.detail.code.commit` in an option of a route that also matches events which never have the field, such as `code.deleted`: for these the text is empty. An event without the key of its route's `flow` is given up",
  remedy: "match only types that have the field",
  canBeIgnored: true,
  needs: ["issuers", "roles", "sources", "routes"],
  run: (config) => {
    const events = allEvents(config);
    return config.routes.flatMap((route) => {
      const matched = events.filter(({ facts }) => isSatisfiable(route.pattern, facts)).map(({ type }) => type);
      const types = [...new Set(matched)];
      return pathsIn(route)
        .filter(([, steps]) => problemsOf(steps, "path").length === 0)
        .flatMap(([path, steps]) => {
          const field = steps.filter((step) => !isIndex(step)).join(".");
          const without = types.filter((type) => lacks(type, field));
          // A route for events with different parts may have paths for each of them.
          const [, part = ""] = steps;
          const partial = without.filter((type) => hasPart(type, part));
          if (types.length > 0 && without.length === types.length)
            return [{ path, message: "no event that the route matches has this field: the text is always empty" }];
          const message = `the route also matches ${partial.join(", ")}, which never has this field: the text is then empty`;
          return partial.length === 0 ? [] : [{ path, message }];
        });
    });
  },
};

export const literalPath: Check = {
  id: "literal-path",
  level: "warning",
  finds:
    "an option of an action, or the key of a flow, that looks like the path of an event's field and is none, such as `detail.page.id`, `$detail.page.id` or `page.id`: the action gets it as literal text",
  remedy: "write the path that the finding names, which begins with `$.detail.`",
  canBeIgnored: true,
  needs: [],
  run: ({ routes }) =>
    routes.flatMap((route) =>
      textsIn(route).flatMap(([path, text]) => literalProblem(text).map((message) => ({ path, message }))),
    ),
};

/** Why a text that is no path was probably meant as one; empty if it was not. */
function literalProblem(text: string): readonly string[] {
  if (text.startsWith("$.") || !/^[$.]?[A-Za-z]+[.[][A-Za-z0-9_.[\]-]+$/.test(text)) return [];
  const written = stepsIn(text);
  const isWhole = written[0] === "detail";
  const steps = isWhole ? written : ["detail", ...written];
  const [problem] = problemsOf(steps, "path");
  if (problem === undefined)
    return [`the action gets this as literal text; for the event's field write $.${shown(steps)}`];
  return isWhole ? [`the action gets this as literal text, and it is no path of an event's field: ${problem}`] : [];
}

/** The texts of a route that may be paths into the event, each with its place in the file. */
const textsIn = ({ name, action, options, flow }: ConfiguredRoute): readonly (readonly [Path, string])[] => [
  ...stringsIn(options, ["routes", name, "do", action]),
  ...(flow ? [[["routes", name, "flow", "key"], flow.key] as const] : []),
];

/** The paths into the event among them, each with its steps. */
const pathsIn = (route: ConfiguredRoute): readonly (readonly [Path, readonly string[]])[] =>
  textsIn(route)
    .filter(([, text]) => text.startsWith("$."))
    .map(([path, text]) => [path, stepsIn(text)] as const);

/** Splits a path into the names of its members and the indices of lists, `[0]`. */
const stepsIn = (path: string): readonly string[] =>
  path
    .replace(/^\$?\.?/, "")
    .replaceAll("[", ".[")
    .split(".");
const isIndex = (step: string): boolean => step.startsWith("[");
const shown = (steps: readonly string[]): string => steps.join(".").replaceAll(".[", "[");

/**
 * Returns why these steps lead to no value; empty if they lead to one. A pattern passes through lists, a path needs an
 * index.
 */
function problemsOf(steps: readonly string[], within: "pattern" | "path"): readonly string[] {
  const elementOf = (field: Field): Field => (isList(field) && within === "pattern" ? elementOf(field[0]) : field);
  let field: Field = BUS_EVENT_FIELDS;
  for (const [at, step] of steps.entries()) {
    const above = shown(steps.slice(0, at)) || "an event";
    if (field === "any") return [];
    if (isList(field) !== isIndex(step)) return [isList(field) ? listProblem(above) : `"${above}" is not a list`];
    if (isValue(field)) return [`"${above}" is a value and has no "${step}"`];
    const below: Field | undefined = isList(field) ? field[0] : memberOf(field, step);
    if (below === undefined) return [`no event has "${step}" in ${above}${meant(steps, at, field)}`];
    field = elementOf(below);
  }
  if (isValue(field)) return [];
  if (isList(field)) return [listProblem(shown(steps))];
  const known = field === "any" ? "a name of your own" : Object.keys(field).join(", ");
  return [`"${shown(steps)}" is a block of fields, not a value: name one of them (${known})`];
}

/** What was probably meant by the step of a path that does not exist. */
function meant(steps: readonly string[], at: number, fields: object): string {
  const step = steps[at] ?? "";
  const known = Object.keys(fields);
  const inDetail = ["detail", ...steps];
  if (at === 0 && Object.hasOwn(BUS_EVENT_FIELDS.detail, step)) return ` (did you mean "${shown(inDetail)}"?)`;
  const synonym = known.find((name) => SYNONYMS.get(step.toLowerCase())?.includes(name));
  return synonym === undefined ? suggestion(step, known) : ` (did you mean "${synonym}"?)`;
}

/** Names that other systems use, with ours. */
const SYNONYMS: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
    branch: ["name", "refName"],
    tag: ["name"],
    sha: ["commit"],
    revision: ["commit"],
    identifier: ["id"],
    repository: ["project"],
    repo: ["project"],
    status: ["state"],
    result: ["state"],
    author: ["actor"],
    user: ["actor"],
    sender: ["actor", "principal"],
    link: ["url"],
  }),
);

const isList = (field: Field): field is readonly [Field] => Array.isArray(field);

const memberOf = (
  fields: Exclude<Field, string | ReadonlySet<string> | readonly [Field]>,
  name: string,
): Field | undefined => (Object.hasOwn(fields, name) ? fields[name] : undefined);

const listProblem = (list: string): string => `"${list}" is a list: name one of its elements, such as ${list}[0]`;

/** Keeps the first problem of each path. */
const distinct = (problems: readonly ConfigProblem[]): readonly ConfigProblem[] =>
  problems.filter(({ path }, at) => problems.findIndex((one) => shownPath(one.path) === shownPath(path)) === at);
