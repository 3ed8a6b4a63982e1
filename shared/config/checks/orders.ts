import type { Order } from "../../identity/order.ts";
import type { Scope } from "../../identity/scope.ts";
import type { Config } from "../schema.ts";
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
        const [placed] = eventsOf({ name: "orders", provider: "orders" }, ["order.placed"], {
          "detail.order.name": [name],
        });
        return !routes.some(({ pattern }) => placed && isSatisfiable(pattern, placed.facts));
      })
      .map((name) => ({ path: ["orders", name], message: "no route matches it, so it starts nothing" })),
};
