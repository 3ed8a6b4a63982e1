import { isListed } from "../../host/name-pattern.ts";
import { routeOutline } from "../route-outline.ts";
import type { Config, ConfiguredRoute } from "../schema.ts";
import type { Check } from "./check.ts";

/** A route that promotes runs. */
type PromotingRoute = ConfiguredRoute & { readonly environments: readonly string[] };

const promoting = ({ routes }: Pick<Config, "routes">): readonly PromotingRoute[] =>
  routes.flatMap((route) => (route.environments ? [{ ...route, environments: route.environments }] : []));

const passes = (route: ConfiguredRoute, path: RegExp): boolean => path.test(JSON.stringify(route.options));

export const unpromotableRoute: Check = {
  id: "unpromotable-route",
  level: "error",
  finds: "a route with `environments` whose target reports no runs: no run is ever known to be good",
  remedy: "use a Tekton target, which has `runsReportedBy`, or remove `environments`",
  canBeIgnored: false,
  needs: ["routes", "targets"],
  run: (config) => {
    const reported = new Set(
      routeOutline(config).runReporters.flatMap(({ name, runsReportedBy }) => (runsReportedBy ? [name] : [])),
    );
    return promoting(config)
      .filter(({ name }) => !reported.has(name))
      .map(({ name }) => ({
        path: ["routes", name, "environments"],
        message: "no source reports the runs of this route, so none can be promoted",
      }));
  },
};

export const promotionToSamePlace: Check = {
  id: "promotion-to-same-place",
  level: "error",
  finds:
    "a route with `environments` that does not pass `$.detail.promotion.to`: a promoted run deploys to the same place as every other",
  remedy: "pass `$.detail.promotion.to` in a param that says where the run deploys",
  canBeIgnored: false,
  needs: ["routes"],
  run: (config) =>
    promoting(config)
      .filter((route) => !passes(route, /"\$\.detail\.promotion\.to"/))
      .map(({ name, action }) => ({
        path: ["routes", name, "do", action],
        message: "it passes no $.detail.promotion.to, so a promoted run deploys to the same place as every other",
      })),
};

export const promotionOfName: Check = {
  id: "promotion-of-name",
  level: "error",
  finds:
    "a route with `environments` that passes no commit, version or digest: a promoted run takes what a name stands for at that time",
  remedy:
    "pass `$.detail.code.commit` or another commit, `$.detail.page.version` or `$.detail.promotion.digest`; or let the run check the [approved reference](approved-reference.md#the-approved-reference), and ignore the finding",
  canBeIgnored: true,
  needs: ["routes"],
  run: (config) =>
    promoting(config)
      .filter((route) => !passes(route, IMMUTABLE))
      .map(({ name, action }) => ({
        path: ["routes", name, "do", action],
        message: "it passes no commit, version or digest, so a promoted run takes what a name stands for when it runs",
      })),
};

const IMMUTABLE =
  /"\$\.detail\.(?:promotion\.(?:reference|digest)|(?:code|build|job|change|release|deployment)\.commit|change\.mergeCommit|page\.version)"/;

export const nobodyPromotes: Check = {
  id: "nobody-promotes",
  level: "warning",
  finds: "a route with `environments` that no role may promote",
  remedy: "add the route to `promote` of a role",
  canBeIgnored: true,
  needs: ["routes", "roles"],
  run: (config) =>
    promoting(config)
      .filter(({ name }) => !Object.values(config.roles).some(({ promote }) => isListed(name, promote)))
      .map(({ name }) => ({
        path: ["routes", name, "environments"],
        message: 'no role has it under "promote", so nobody can promote its runs',
      })),
};

export const promoteWithoutEnvironments: Check = {
  id: "promote-without-environments",
  level: "warning",
  finds: "a role with `promote` for a route that has no `environments`",
  remedy: "give the route its `environments` in their order, or remove it from `promote`",
  canBeIgnored: true,
  needs: ["routes", "roles"],
  run: ({ routes, roles }) =>
    Object.entries(roles).flatMap(([role, { promote }]) =>
      promote.flatMap((name, at) =>
        routes.some((route) => route.environments && isListed(route.name, [name]))
          ? []
          : [
              {
                path: ["roles", role, "promote", at],
                message: "no route of this name has environments, so nothing can be promoted",
              },
            ],
      ),
    ),
};
