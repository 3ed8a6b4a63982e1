import type { ConfigProblem } from "../explain.ts";
import { stringsIn } from "../references.ts";
import { suggestion } from "../suggest.ts";
import { shownPath } from "../yaml-file.ts";
import { BUS_EVENT_FIELDS, type Fields } from "./bus-event-fields.ts";
import type { Check } from "./check.ts";
import { valuesOf } from "./pattern-values.ts";

export const unknownEventField: Check = {
  id: "unknown-event-field",
  level: "error",
  finds:
    "a field that no [event](events.md) has, in `when` or in a path such as `$.detail.page.id`: the route would never match, or the text would always be empty",
  remedy: "correct the field's name; the finding names the nearest one",
  canBeIgnored: true,
  needs: [],
  run: ({ routes }) =>
    routes.flatMap((route) => {
      const inPattern = valuesOf(route)
        .filter(({ steps }) => !ADDED_IN_AWS.includes(steps[0] ?? ""))
        .flatMap(({ path, steps }) => wrongSteps(steps).map((message) => ({ path: path.slice(0, -1), message })));
      const inOptions = stringsIn(route.options, ["routes", route.name, "do", route.action])
        .filter(([, text]) => text.startsWith("$."))
        .flatMap(([path, text]) => wrongSteps(stepsIn(text)).map((message) => ({ path, message })));
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

export const literalPath: Check = {
  id: "literal-path",
  level: "warning",
  finds:
    "an option of an action that names an event's field without `$.` before it: the action gets it as literal text",
  remedy: "write `$.` before the path",
  canBeIgnored: true,
  needs: [],
  run: ({ routes }) =>
    routes.flatMap(({ name, action, options }) =>
      stringsIn(options, ["routes", name, "do", action])
        .filter(([, text]) => /^\.?detail[.[]/.test(text) && wrongSteps(stepsIn(text)).length === 0)
        .map(([path, text]) => ({
          path,
          message: `the action gets this as literal text; for the event's field write $.${text.replace(/^\./, "")}`,
        })),
    ),
};

/** Splits a path into the names of its members. Indices of lists are left out. */
const stepsIn = (path: string): readonly string[] => path.replace(/^\$?\.?|\[\d+\]/g, "").split(".");

/** Returns why these steps lead to no value; empty if they lead to one. */
function wrongSteps(steps: readonly string[]): readonly string[] {
  let fields: Fields[string] = BUS_EVENT_FIELDS;
  for (const [at, step] of steps.entries()) {
    const above = steps.slice(0, at).join(".") || "an event";
    if (fields === "any") return [];
    if (fields === "value") return [`"${above}" is a value and has no "${step}"`];
    const below: Fields[string] | undefined = Object.hasOwn(fields, step) ? fields[step] : undefined;
    if (below === undefined) return [`no event has "${step}" in ${above}${suggestion(step, Object.keys(fields))}`];
    fields = below;
  }
  if (fields === "value") return [];
  const known = fields === "any" ? "a name of your own" : Object.keys(fields).join(", ");
  return [`"${steps.join(".")}" is a block of fields, not a value: name one of them (${known})`];
}

/** Keeps the first problem of each path. */
const distinct = (problems: readonly ConfigProblem[]): readonly ConfigProblem[] =>
  problems.filter(({ path }, at) => problems.findIndex((one) => shownPath(one.path) === shownPath(path)) === at);
