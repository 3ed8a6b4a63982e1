import { actions } from "../../actions/registry.ts";
import { EVENT_TYPES } from "../../model/event.ts";
import { providers } from "../../providers/registry.ts";
import type { ConfiguredSource } from "../schema.ts";
import type { Check } from "./check.ts";
import { isSatisfiable } from "./is-satisfiable.ts";
import { eventsOf } from "./known-events.ts";

export const unnamedPeople: Check = {
  id: "unnamed-people",
  level: "warning",
  finds:
    "a source without `people` whose events wait for an approval, or whose comments are looked through for commands: nobody's accounts can be compared, and no comment or label decides anything",
  remedy:
    "name the accounts that may ask or decide under `people` of the source, each with the `token` of the same person",
  canBeIgnored: true,
  needs: ["sources", "routes"],
  run: ({ sources, routes }) =>
    sources
      .filter(({ people, groups }) => groups === undefined && Object.keys(people).length === 0)
      .filter(({ provider }) => isUsedByPeople(provider))
      .flatMap((source) => {
        const gated = routes.filter(({ approval, pattern }) => approval !== undefined && canFire(source, pattern));
        const commanded = routes.filter(({ action, pattern }) => canFire(source, pattern, commandEventsOf(action)));
        const path = ["sources", source.name];
        return [
          ...(gated.length > 0
            ? [
                {
                  path,
                  message: `${routesText(gated)} for an approval of what its accounts ask for, and without "people" the bridge cannot know that who approves is not who asked`,
                },
              ]
            : []),
          ...(commanded.length > 0
            ? [
                {
                  path,
                  message: `${routesText(commanded, "looks")} for commands in its comments, and without "people" nobody may give one`,
                },
              ]
            : []),
        ];
      }),
};

const routesText = (routes: readonly { readonly name: string }[], verb = "waits"): string =>
  routes.length === 1
    ? `the route ${routes[0]?.name} ${verb}`
    : `the routes ${routes.map(({ name }) => name).join(", ")} ${verb.replace(/s$/, "")}`;

/** Whether people act at the sender: they edit pages, push code or open change requests there. */
const isUsedByPeople = (provider: string): boolean =>
  providers.some(
    ({ name, publishes }) => name === provider && publishes.some((type) => /^(?:page|code|change)\./.test(type)),
  );

const canFire = (
  source: ConfiguredSource,
  pattern: Parameters<typeof isSatisfiable>[0],
  types = EVENT_TYPES,
): boolean => eventsOf(source, types).some(({ facts }) => isSatisfiable(pattern, facts));

const commandEventsOf = (action: string) => actions.find(({ name }) => name === action)?.commandEvents ?? [];
