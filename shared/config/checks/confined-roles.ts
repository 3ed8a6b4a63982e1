import type { Check } from "./check.ts";

export const unusablePermission: Check = {
  id: "unusable-permission",
  level: "warning",
  finds:
    "a role with `in` that also has `summarise`, `pause`, `call: [sessions]`, `call: [introspection]` or a place in `allow` of an upstream: these are about no event, so it never has them",
  remedy: "give that permission to a role without `in`",
  canBeIgnored: true,
  needs: [],
  run: ({ roles, upstreams }) =>
    Object.entries(roles).flatMap(([name, { in: scope, call, summarise, pause }]) => {
      if (scope === undefined) return [];
      const summaries = summarise.length > 0 ? [["roles", name, "summarise"]] : [];
      const pauses = pause.length > 0 ? [["roles", name, "pause"]] : [];
      const calls = call.some((part) => WITHOUT_EVENT.includes(part)) ? [["roles", name, "call"]] : [];
      const exchanges = Object.entries(upstreams).flatMap(([upstream, { allow }]) =>
        allow.flatMap(({ role }, index) => (role === name ? [["upstreams", upstream, "allow", index, "role"]] : [])),
      );
      return [...summaries, ...pauses, ...calls, ...exchanges].map((path) => ({
        path,
        message: `a role with "in" never has this, which is about no event: ${unusablePermission.remedy}`,
      }));
    }),
};

/** Parts of the API that are about no event. */
const WITHOUT_EVENT: readonly string[] = ["sessions", "introspection"];
