import * as v from "valibot";
import { type BusEntry, busSourceOf, sourceUriOf } from "../../bus/entry.ts";
import { EVENT_TYPES } from "../../delivery/event.ts";
import type { ConfigProblem } from "../explain.ts";
import type { Config, ConfiguredSource } from "../schema.ts";
import { suggestion } from "../suggest.ts";
import { canMatch, type Possible } from "./satisfiable.ts";

/** Routes that nothing published can match, each with the first field that keeps it from matching. */
export function unmatched({ routes, sources }: Config): readonly ConfigProblem[] {
  // What the bridge itself tells, where a route waits for approval.
  const own = routes.some(({ approval }) => approval !== undefined)
    ? [{ name: "approvals", provider: "approvals" }]
    : [];
  const telling = [...sources, ...own];
  const possible: Possible = {
    source: [...new Set(telling.map(({ provider }) => busSourceOf(provider)))],
    "detail-type": EVENT_TYPES,
    "detail.type": EVENT_TYPES,
    "detail.source": telling.map(({ name }) => sourceUriOf(name)),
  };
  return routes
    .filter(({ pattern }) => !canMatch(pattern, possible))
    .map(({ name, pattern }) => {
      const field = Object.keys(possible).find((one) => !canMatch(pattern, { [one]: possible[one] ?? [] }));
      const path = ["routes", name, "when", ...(field?.split(".") ?? [])];
      return {
        path,
        message: `nothing that is published can match${field ? `; ${whatThereIs(field, possible)}` : ""}`,
      };
    });
}

const ENTRY_FIELDS: readonly (keyof BusEntry)[] = ["source", "detail-type", "time", "detail"];

/**
 * Routes that ask for what no entry has at its top: a slip of the pen, or one of the fields that EventBridge alone adds
 * (`account`, `region`, …), by which a route would mean one thing in AWS and another on one machine.
 */
export function unpublished({ routes }: Config): readonly ConfigProblem[] {
  return routes.flatMap(({ name, pattern }) => {
    const asked = new Set(pattern.combinations.flat().map((field) => field.name.replace(/\..*$/s, "")));
    return [...asked]
      .filter((field) => !ENTRY_FIELDS.some((known) => known === field))
      .map((field) => ({
        path: ["routes", name, "when", field],
        message: `no entry that the bridge publishes has "${field}"${suggestion(field, ENTRY_FIELDS)}`,
      }));
  });
}

function whatThereIs(field: string, possible: Possible): string {
  if (possible[field] === EVENT_TYPES) return "docs/events.md lists the types";
  return `here it is ${possible[field]?.join(" or ")}`;
}

/** Sources that no route acts on and that no target's runs are told by, and targets that no route uses. */
export function unused({ routes, sources, targets }: Config): readonly ConfigProblem[] {
  const reporting = targets.map(reporterOf);
  const ofSources = sources
    .filter(({ name }) => !reporting.includes(name))
    .filter((source) => !routes.some(({ pattern }) => canMatch(pattern, publishedBy(source))))
    .map(({ name }) => ({ path: ["sources", name], message: "its events are recorded, and no route acts on them" }));
  const ofTargets = targets
    .filter(({ name }) => !routes.some(({ target }) => target === name))
    .map(({ name }) => ({ path: ["targets", name], message: "no route uses it" }));
  return [...ofSources, ...ofTargets];
}

/** Targets whose runs another kind of system is said to tell of. A provider and an action of one system share its name. */
export function unreported({ sources, targets }: Config): readonly ConfigProblem[] {
  return targets.flatMap((target) => {
    const reporter = sources.find(({ name }) => name === reporterOf(target));
    if (!reporter || reporter.provider === target.kind) return [];
    const message = `the source "${reporter.name}" is of provider ${reporter.provider} and tells of no ${target.kind} runs`;
    return [{ path: ["targets", target.name, "runsReportedBy"], message }];
  });
}

const publishedBy = ({ name, provider }: ConfiguredSource): Possible => ({
  source: [busSourceOf(provider)],
  "detail.source": [sourceUriOf(name)],
});

function reporterOf({ settings }: { readonly settings: object }): string | undefined {
  const read = v.safeParse(v.object({ runsReportedBy: v.string() }), settings);
  return read.success ? read.output.runsReportedBy : undefined;
}
