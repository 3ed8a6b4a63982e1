import { EVENT_TYPES } from "../../model/event.ts";
import type { Provider } from "../../providers/provider.ts";
import { providers } from "../../providers/registry.ts";
import type { Check } from "./check.ts";
import { canHold, type Facts } from "./is-satisfiable.ts";
import { eventsOf } from "./known-events.ts";
import { valuesOf } from "./pattern-values.ts";

export const branchOfFork: Check = {
  id: "branch-of-fork",
  level: "warning",
  finds:
    "a route on `build.branch` or `job.branch` that matches runs of a source which cannot distinguish a fork's branch from yours, such as Tekton without Pipelines-as-Code, Buildkite's partner events, or jobs of GitLab",
  remedy:
    "with Pipelines-as-Code, also match `detail.build.source: [push]`; for Buildkite, use webhooks; for jobs of GitLab, also match your project in `detail.job.pipeline`; else match another source by `detail.source`, or ignore the finding if no run is for a fork",
  canBeIgnored: true,
  needs: [],
  run: ({ routes, sources }) => {
    const hiding = sources.flatMap((source) => {
      const provider = providers.find(({ name }) => name === source.provider);
      const hidden = provider?.hiddenForks?.(source.settings);
      return hidden ? [{ ...source, hidden }] : [];
    });
    return routes.flatMap((route) => {
      const onBranch = route.pattern.combinations.filter((fields) =>
        fields.some(({ name, tests }) => BRANCHES.includes(name) && tests.length > 0),
      );
      const matched = hiding.filter((source) =>
        eventsOf(
          source,
          EVENT_TYPES.filter((type) => source.hidden.parts.some((part) => type.startsWith(`${part}.`))),
        ).some(({ facts }) => onBranch.some((fields) => canHold(fields, unlabelled(facts, source.hidden)))),
      );
      const [at] = valuesOf(route).filter(({ field }) => BRANCHES.includes(field));
      if (matched.length === 0 || at === undefined) return [];
      const names = matched.map(({ name }) => `"${name}"`).join(", ");
      const message = `a run for a fork may have this branch too: ${names} cannot distinguish it. ${branchOfFork.remedy}`;
      return [{ path: at.path.slice(0, -1), message }];
    });
  },
};

type Hidden = NonNullable<ReturnType<NonNullable<Provider["hiddenForks"]>>>;

/** A name that no route has in a pattern. */
const PIPELINE_OF_FORK = "\0";

const BRANCHES: readonly string[] = ["detail.build.branch", "detail.job.branch"];

/** The facts of a run that does not say what it is for. */
const unlabelled =
  (facts: Facts, { startedBy, inPipelineOfFork }: Hidden): Facts =>
  (field) => {
    if (/^detail\.(build|job)\.source$/.test(field)) return startedBy;
    if (inPipelineOfFork && /^detail\.(build|job)\.pipeline(Id)?$/.test(field)) return [PIPELINE_OF_FORK];
    return /^detail\.(build|job)\.(change|protected|defaultBranch)(\.|$)/.test(field) ? [] : facts(field);
  };
