import { actions } from "../../actions/registry.ts";
import { isListed } from "../../host/name-pattern.ts";
import type { Check } from "./check.ts";
import { isSatisfiable } from "./is-satisfiable.ts";
import { eventsOf } from "./known-events.ts";

export const unshownSummaries: Check = {
  id: "unshown-summaries",
  level: "warning",
  finds:
    "a role with `summarise` for a target without pages, or for one to which no route leads `summary.submitted`: a text is accepted and never shown",
  remedy: "write a route from `summary.submitted` to the target, or take the target from the role",
  canBeIgnored: true,
  needs: ["roles", "targets", "routes"],
  run: ({ roles, targets, routes }) => {
    const [summaries] = eventsOf({ name: "summaries", provider: "summaries" }, ["summary.submitted"]);
    const kinds = actions.filter(({ showsSummaries }) => showsSummaries).map(({ name }) => name);
    const withPages = targets.filter(({ kind }) => kinds.includes(kind)).map(({ name }) => name);
    const shown = routes
      .filter(({ pattern }) => summaries && isSatisfiable(pattern, summaries.facts))
      .map(({ target }) => target);
    return Object.entries(roles).flatMap(([role, { summarise }]) =>
      summarise.flatMap((listed, index) => {
        const path = ["roles", role, "summarise", index];
        const named = withPages.filter((target) => isListed(target, [listed]));
        if (named.length === 0) return [{ path, message: `there is no target with pages named ${listed}` }];
        const unshown = named.filter((target) => !shown.includes(target));
        if (unshown.length === 0) return [];
        return [
          { path, message: `no route leads summary.submitted to ${unshown.join(", ")}, so no text is shown there` },
        ];
      }),
    );
  },
};
