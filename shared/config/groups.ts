import type { Groups } from "../approvals/groups.ts";
import type { AskGroups, AskGroupsDeps } from "./ask-groups.ts";
import type { RouteOutline } from "./route-outline.ts";
import type { Config } from "./schema.ts";

/** The groups of the sources of a configuration. `groupSources` is read with the first question. */
export function openGroups(
  { sources }: Pick<Config, "sources">,
  groupSources: RouteOutline["groupSources"],
  deps: AskGroupsDeps,
): Groups {
  const names = new Set(sources.flatMap(({ name, groups }) => (groups ? [name] : [])));
  let asking: Promise<AskGroups> | undefined;
  return {
    has: (source) => names.has(source),
    async ask(source, account, place) {
      if (!names.has(source)) return undefined;
      asking ??= import("./ask-groups.ts").then(({ groupAsker }) => groupAsker(groupSources, deps));
      return (await asking)(source, account, place);
    },
  };
}
