import { busSourceOf, sourceUriOf } from "../../model/bus-event.ts";
import { EVENT_TYPES } from "../../model/event.ts";
import { providers } from "../../providers/registry.ts";
import { compilePattern } from "../../routes/pattern.ts";
import type { Config, ConfiguredSource } from "../schema.ts";
import { suggestion } from "../suggest.ts";
import type { Check } from "./check.ts";
import { isSatisfiable, type Possible } from "./is-satisfiable.ts";
import { valuesOf } from "./pattern-values.ts";
import { reporterOf } from "./targets.ts";

export const unmatchableRoute: Check = {
  id: "unmatchable-route",
  level: "warning",
  finds:
    "a route that no event can match: it asks for a provider or a source that is not configured, or for a type that does not exist",
  remedy: "correct `when`; the finding names what can be matched",
  canBeIgnored: true,
  needs: ["issuers", "roles", "sources", "routes"],
  run: (config) => {
    const published = publishedBy(config);
    return config.routes
      .filter(({ pattern }) => !isSatisfiable(pattern, published))
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

export const unmatchableValue: Check = {
  id: "unmatchable-value",
  level: "warning",
  finds:
    "one alternative of a route's `source`, `detail-type`, `detail.type` or `detail.source` that no event can have",
  remedy: "correct the alternative, or remove it",
  canBeIgnored: true,
  needs: ["issuers", "roles", "sources", "routes"],
  run: (config) => {
    const published = publishedBy(config);
    // An alternative for a provider that has no source yet is not a mistake.
    const publishable = { ...published, source: BUS_SOURCES };
    return config.routes
      .filter(({ pattern }) => isSatisfiable(pattern, published))
      .flatMap(valuesOf)
      .filter(({ field, alternative }) => !canBe(field, alternative, publishable))
      .map(({ path, field, alternative }) => ({
        path,
        message: `no event has this: ${whyNot(field, alternative, config, published)}`,
      }));
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
      .filter((source) => !routes.some(({ pattern }) => isSatisfiable(pattern, eventsOf(source))))
      .map(({ name }) => ({ path: ["sources", name], message: "its events are recorded, and no route acts on them" }));
  },
};

const eventsOf = ({ name, provider }: Pick<ConfiguredSource, "name" | "provider">): Possible => ({
  source: [busSourceOf(provider)],
  "detail.source": [sourceUriOf(name)],
});

/** Returns the possible values of the fields that every event has. */
function publishedBy(config: Config): Possible {
  const publishing = [...config.sources, ...ownSources(config)].map(eventsOf);
  return {
    source: [...new Set(publishing.flatMap((events) => events["source"] ?? []))],
    "detail-type": EVENT_TYPES,
    "detail.type": EVENT_TYPES,
    "detail.source": publishing.flatMap((events) => events["detail.source"] ?? []),
  };
}

const OWN = ["approvals", "status"];

/** The bridge publishes events of its own: about approvals of its routes, and about the states that jobs report. */
function ownSources({ routes, issuers, roles }: Config): readonly Pick<ConfiguredSource, "name" | "provider">[] {
  const hasApprovals = routes.some(({ approval }) => approval !== undefined);
  const earned = Object.values(issuers).flatMap((entry) => entry.roles.map(({ role }) => role));
  const hasStatus = earned.some((role) => roles[role]?.call.includes("status"));
  const has: Readonly<Record<string, boolean>> = { approvals: hasApprovals, status: hasStatus };
  return OWN.filter((name) => has[name]).map((name) => ({ name, provider: name }));
}

/** Every `source` that an event can have, whatever is configured. */
const BUS_SOURCES = [...providers.map(({ name }) => name), ...OWN].map(busSourceOf);

function canBe(field: string, alternative: unknown, possible: Possible): boolean {
  const compiled = compilePattern({ [field]: [alternative] });
  return !compiled.ok || isSatisfiable(compiled.pattern, possible);
}

/** Returns why no event has this alternative, and what would be right. */
function whyNot(field: string, value: unknown, { sources }: Config, published: Possible): string {
  const known = (published[field] ?? []).map(String);
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
