import { isListedInAnyCase } from "../../host/name-pattern.ts";
import type { Order } from "../../identity/order.ts";
import { policyOf } from "../../identity/policy.ts";
import type { Scope } from "../../identity/scope.ts";
import type { TrustEntry } from "../../identity/trust-entry.ts";
import type { Config, ConfiguredRoute } from "../schema.ts";
import type { Check } from "./check.ts";
import { isSatisfiable } from "./is-satisfiable.ts";
import { eventsOf } from "./known-events.ts";

export const unplaceableOrder: Check = {
  id: "unplaceable-order",
  level: "warning",
  finds:
    "an order that nobody can place: no trust entry earns any of its roles, or what confines it, or all of its roles, is no input of it",
  remedy:
    "let a trust entry earn one of its roles; or declare the input that `in` looks at: `project`, `space`, `namespace`, `environment` or `pipeline`",
  canBeIgnored: true,
  needs: ["issuers", "roles", "orders"],
  run: (config) =>
    Object.entries(config.orders).flatMap(([name, one]) => {
      const path = ["orders", name];
      const missing = missingInputs(one.in, one);
      if (missing.length > 0)
        return [{ path: [...path, "in"], message: `it has no input ${missing.join(" and ")}, so nobody can place it` }];
      const earned = earnedRoles(config).filter((role) => one.roles.includes(role));
      if (earned.length === 0)
        return [
          { path: [...path, "roles"], message: "no trust entry earns one of these roles, so nobody can place it" },
        ];
      if (earned.some((role) => missingInputs(config.roles[role]?.in, one).length === 0)) return [];
      const message =
        'each of these roles has an "in", and the order has no inputs that it looks at, so nobody can place it';
      return [{ path: [...path, "roles"], message }];
    }),
};

const earnedRoles = ({ issuers }: Config): readonly string[] =>
  Object.values(issuers).flatMap(({ roles }) => roles.map(({ role }) => role));

/** The inputs that a scope looks at and that the order does not have. */
const missingInputs = (scope: Scope | undefined, { inputs }: Order): readonly string[] =>
  Object.entries(scope ?? {}).flatMap(([list, entries]) => {
    const input = list.replace(/s$/, "");
    return entries === undefined || Object.hasOwn(inputs, input) ? [] : [input];
  });

export const orderWithoutRoute: Check = {
  id: "order-without-route",
  level: "warning",
  finds: "an order that no route matches: it is recorded and starts nothing",
  remedy: "write a route with `detail-type: [order.placed]` and the name of the order under `detail.order.name`",
  canBeIgnored: true,
  needs: ["routes", "orders"],
  run: ({ orders, routes }) =>
    Object.keys(orders)
      .filter((name) => {
        const facts = { "detail.order.name": [name] };
        return !routes.some((route) => isFiredBy(route, facts));
      })
      .map((name) => ({ path: ["orders", name], message: "no route matches it, so it starts nothing" })),
};

/** Whether an order with these facts can match the route. */
function isFiredBy({ pattern }: ConfiguredRoute, facts: Readonly<Record<string, readonly string[]>>): boolean {
  const [placed] = eventsOf({ name: "orders", provider: "orders" }, ["order.placed"], facts);
  return placed !== undefined && isSatisfiable(pattern, placed.facts);
}

export const unattendedAgent: Check = {
  id: "unattended-agent",
  level: "warning",
  finds:
    "an order with `agents: unattended` that leads to a route without `approval`: an agent starts it, and no person is asked",
  remedy: "leave `agents` out, or give the route an `approval`; if the agents may do that alone, ignore the finding",
  canBeIgnored: true,
  needs: ["routes", "orders"],
  run: ({ orders, routes }) =>
    Object.entries(orders).flatMap(([name, { agents }]) => {
      if (agents !== "unattended") return [];
      const alone = routes.filter(
        (route) => route.approval === undefined && isFiredBy(route, { "detail.order.name": [name] }),
      );
      return alone.map((route) => ({
        path: ["orders", name, "agents"],
        message: `an agent may start the route "${route.name}" with it, and no person is asked: the route has no "approval"`,
      }));
    }),
};

export const unknownStarter: Check = {
  id: "unknown-starter",
  level: "warning",
  finds:
    "a route with `approval` whose runs jobs may order, while nothing links the account that starts such a job to a token that may approve: a person may start the job and approve its order",
  remedy:
    "name people under `people` of a source, each with the `token` of the same person; where the job's token does not name who started it, let only people place the order",
  canBeIgnored: true,
  needs: ["sources", "issuers", "roles", "routes", "orders"],
  run: (config) => {
    const isLinked = config.sources.some(({ people }) => Object.values(people).some(({ token }) => token));
    const earned = new Set(earnedRoles(config));
    return config.routes.flatMap((route) => {
      const { name, approval, mode } = route;
      if (approval === undefined || mode === "shadow") return [];
      const approving = policyOf(config.roles).rolesFor("approve", name, "anything");
      if (![...approving, ...approval.emergency].some((role) => earned.has(role))) return [];
      return orderingJobs(route, config)
        .filter(({ entry }) => !(isLinked && namesStarter(entry)))
        .map(({ trust, entry, order }) => ({
          path: ["routes", name, "approval"],
          message: `whoever starts a job of "${trust}" that places the order "${order}" may approve it with a token: ${
            namesStarter(entry)
              ? 'nothing under "people" of a source says which token belongs to which account'
              : "the token of the job does not name who started it"
          }`,
        }));
    });
  },
};

/** The trust entries of jobs that may place an order to which the route belongs. */
function orderingJobs(route: ConfiguredRoute, { issuers, orders, roles }: Config) {
  return Object.entries(issuers).flatMap(([trust, entry]) => {
    if (entry.preset.run === undefined && !namesStarter(entry)) return [];
    const order = Object.entries(orders).find(([name, one]) =>
      entry.roles.some(({ role }) => {
        const confined = roles[role]?.in;
        if (!one.roles.includes(role) || missingInputs(confined, one).length > 0) return false;
        return isFiredBy(route, { "detail.order.name": [name], ...inputFacts(one, [one.in, confined]) });
      }),
    );
    return order === undefined ? [] : [{ trust, entry, order: order[0] }];
  });
}

/** Whether the tokens have the account that started the job, as four eyes compare it. */
const namesStarter = ({ preset }: TrustEntry): boolean =>
  (preset.shown ?? []).some(([claim]) => claim === "user_id" || claim === "actor_id");

/** The values that the inputs with a choice can have within these scopes. */
const inputFacts = ({ inputs }: Order, scopes: readonly (Scope | undefined)[]) =>
  Object.fromEntries(
    Object.entries(inputs).flatMap(([name, one]) => {
      if (!("choice" in one)) return [];
      const lists = scopes.flatMap((scope) => Object.entries(scope ?? {}).filter(([list]) => list === `${name}s`));
      const values = one.choice.filter((value) =>
        lists.every(([, entries]) => isListedInAnyCase(value, entries ?? [])),
      );
      return [[`detail.order.inputs.${name}`, values]];
    }),
  );
