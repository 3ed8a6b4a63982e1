import { actions } from "../../actions/registry.ts";
import { busSourceOf, sourceUriOf } from "../../model/bus-event.ts";
import { EVENT_TYPES } from "../../model/event.ts";
import { providers } from "../../providers/registry.ts";
import { compilePattern } from "../../routes/pattern.ts";
import type { Config, ConfiguredRoute } from "../schema.ts";
import { suggestion } from "../suggest.ts";
import type { Check } from "./check.ts";
import { valueProblem } from "./field-values.ts";
import { isSatisfiable } from "./is-satisfiable.ts";
import { allEvents, type NamedSource, OWN_NAMES, ownSources } from "./known-events.ts";
import { valuesOf } from "./pattern-values.ts";
import { reporterOf } from "./targets.ts";

export const unmatchableRoute: Check = {
  id: "unmatchable-route",
  level: "warning",
  finds:
    "a route that no event can match: it asks for a provider or a source that is not configured, for a type that does not exist, or for what events of its types never have, such as `code.pushed` with the change `deleted`",
  remedy: "correct `when`; the finding names what can be matched",
  canBeIgnored: true,
  needs: ["issuers", "roles", "sources", "routes"],
  run: (config) => {
    const published = publishedBy(config);
    const events = allEvents(config);
    return config.routes
      .filter(
        (route) =>
          !isSatisfiable(route.pattern, (field) => published.get(field)) ||
          (namesTypes(route) && !events.some(({ facts }) => isSatisfiable(route.pattern, facts))),
      )
      .flatMap((route) => {
        const problems = valuesOf(route)
          .filter(({ field, alternative }) => !canBe(field, alternative, published))
          .map(({ path, field, alternative }) => ({
            path,
            message: `no event matches: ${whyNot(field, alternative, config, published)}`,
          }));
        const whole = { path: ["routes", route.name, "when"], message: "no event matches all of it at once" };
        return problems.length > 0 ? problems : [whole];
      });
  },
};

const namesTypes = (route: ConfiguredRoute): boolean =>
  valuesOf(route).some(({ field }) => field === "detail-type" || field === "detail.type");

export const unmatchableValue: Check = {
  id: "unmatchable-value",
  level: "warning",
  finds:
    "one alternative in a route's `when` that no event can have: a source or type that does not exist, a word that the field never has, such as `changed: [commits]`, a text for a number or a number for a text, or `*` outside `wildcard`",
  remedy: "correct the alternative, or remove it; the finding names what is right",
  canBeIgnored: true,
  needs: ["issuers", "roles", "sources", "routes"],
  run: (config) => {
    const published = publishedBy(config);
    // An alternative for a provider that has no source yet is not a mistake.
    const publishable = new Map([...published, ["source", BUS_SOURCES]]);
    const inFields = config.routes
      .flatMap(valuesOf)
      .filter(({ field }) => !published.has(field))
      .flatMap(({ path, steps, alternative }) => {
        const problem = valueProblem(steps, alternative);
        return problem === undefined ? [] : [{ path, message: `no event has this: ${problem}` }];
      });
    const inEnvelope = config.routes
      .filter(({ pattern }) => isSatisfiable(pattern, (field) => published.get(field)))
      .flatMap(valuesOf)
      .filter(({ field, alternative }) => !canBe(field, alternative, publishable))
      .map(({ path, field, alternative }) => ({
        path,
        message: `no event has this: ${whyNot(field, alternative, config, published)}`,
      }));
    return [...inEnvelope, ...inFields];
  },
};

export const unusedSource: Check = {
  id: "unused-source",
  level: "warning",
  finds: "a source whose events no route acts on, and that reports the runs of no target",
  remedy: "write the route, remove the source, or ignore the finding if recording its events is all you want",
  canBeIgnored: true,
  needs: ["routes", "targets"],
  run: ({ routes, sources, targets }) => {
    const reporting = targets.map(reporterOf);
    return sources
      .filter(({ name }) => !reporting.includes(name))
      .filter((source) => {
        const published = valuesFrom(source);
        return !routes.some(({ pattern }) => isSatisfiable(pattern, (field) => published.get(field)));
      })
      .map(({ name }) => ({ path: ["sources", name], message: "its events are recorded, and no route acts on them" }));
  },
};

export const commentWithoutPages: Check = {
  id: "comment-without-pages",
  level: "warning",
  finds: "a route that keeps a merge request's list of pages up to date, while no route writes pages",
  remedy: "write a route with `do.confluence` for the runs of merge requests, or remove the comment",
  canBeIgnored: true,
  needs: ["routes"],
  run: ({ routes }) =>
    routes.some(({ action }) => actions.some(({ name, preview }) => name === action && preview !== undefined))
      ? []
      : routes
          .filter(({ options }) => "comment" in options)
          .map(({ name, action }) => ({
            path: ["routes", name, "do", action, "comment"],
            message: "no route writes pages, so the comment has none to list",
          })),
};

/** The values that an event can have, by field, for fields that every event has. */
type Possible = ReadonlyMap<string, readonly string[]>;

const valuesFrom = ({ name, provider }: NamedSource): Possible =>
  new Map([
    ["source", [busSourceOf(provider)]],
    ["detail.source", [sourceUriOf(name)]],
  ]);

/** Returns the possible values of the fields that every event has. */
function publishedBy(config: Config): Possible {
  const publishing = [...config.sources, ...ownSources(config)].map(valuesFrom);
  return new Map<string, readonly string[]>([
    ["source", [...new Set(publishing.flatMap((events) => events.get("source") ?? []))]],
    ["detail-type", EVENT_TYPES],
    ["detail.type", EVENT_TYPES],
    ["detail.source", publishing.flatMap((events) => events.get("detail.source") ?? [])],
  ]);
}

/** Every `source` that an event can have, whatever is configured. */
const BUS_SOURCES = [...providers.map(({ name }) => name), ...OWN_NAMES].map(busSourceOf);

function canBe(field: string, alternative: unknown, possible: Possible): boolean {
  const compiled = compilePattern({ [field]: [alternative] });
  return !compiled.ok || isSatisfiable(compiled.pattern, (name) => possible.get(name));
}

/** Returns why no event has this alternative, and what would be right. */
function whyNot(field: string, value: unknown, { sources }: Config, published: Possible): string {
  const known = (published.get(field) ?? []).map(String);
  const isType = field.endsWith("type");
  if (typeof value !== "string") {
    return isType ? "docs/events.md lists the types" : `here "${field}" is ${known.join(" or ") || "never there"}`;
  }
  const missing = `there is no "${value}"`;
  if (isType) {
    const hint = suggestion(value, EVENT_TYPES);
    return `${missing}${hint.includes("did you mean") ? hint : "; docs/events.md lists the types"}`;
  }
  const uri = sourceUriOf(value);
  if (field === "detail.source") return `${missing}${known.includes(uri) ? didYouMean(uri) : suggestion(value, known)}`;
  const source = sources.find(({ name }) => name === value || sourceUriOf(name) === value);
  if (source !== undefined) {
    const own = `{ detail: { source: ["${sourceUriOf(source.name)}"] } }`;
    return `you wrote the name of a source; write "${busSourceOf(source.provider)}", or match this source alone by ${own}`;
  }
  const busSource = busSourceOf(value);
  if (BUS_SOURCES.includes(busSource)) return `${missing}${didYouMean(busSource)}`;
  if (BUS_SOURCES.includes(value)) return `no source here publishes it (known: ${known.join(", ")})`;
  return `${missing}${suggestion(value, BUS_SOURCES)}`;
}

const didYouMean = (right: string): string => ` (did you mean "${right}"?)`;
