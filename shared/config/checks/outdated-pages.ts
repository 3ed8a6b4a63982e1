import * as v from "valibot";
import type { EventType } from "../../model/event.ts";
import type { Config, ConfiguredRoute } from "../schema.ts";
import type { Check } from "./check.ts";
import { isSatisfiable } from "./is-satisfiable.ts";
import { eventsOf } from "./known-events.ts";

export const uncountedCommits: Check = {
  id: "uncounted-commits",
  level: "warning",
  finds:
    "a Confluence target with `outdated` that gets no pushes by a route with `documentedBy`, so that nothing is counted; or no edits or labels, so that no count starts anew",
  remedy: "add `code.pushed`, `page.updated` and `page.labeled` to the route with `documentedBy`",
  canBeIgnored: true,
  needs: ["targets", "routes"],
  run: (config) =>
    config.targets
      .filter(({ settings }) => "outdated" in settings)
      .flatMap(({ name }) => {
        const path = ["targets", name, "outdated"];
        const routes = config.routes.filter(({ target }) => target === name);
        const searching = routes.filter(({ options }) => v.is(documenting, options));
        if (!isLedTo(searching, "code.pushed", config))
          return [{ path, message: "no route with documentedBy leads code.pushed to it, so nothing is counted" }];
        const missing = (["page.updated", "page.labeled"] as const).filter((type) => !isLedTo(routes, type, config));
        if (missing.length === 0) return [];
        const message = `no route leads ${missing.join(" and ")} to it, so that starts no count anew`;
        return [{ path, message }];
      }),
};

const documenting = v.object({ documentedBy: v.string() });

const isLedTo = (routes: readonly ConfiguredRoute[], type: EventType, { sources }: Config): boolean =>
  sources
    .flatMap((source) => eventsOf(source, [type]))
    .some(({ facts }) => routes.some(({ pattern }) => isSatisfiable(pattern, facts)));
