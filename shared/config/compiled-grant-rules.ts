import * as v from "valibot";
import type { GrantRules } from "../approvals/rule-grants.ts";
import { grantRulesOf } from "./grant-rules.ts";

/** The rules that grant runs in a configuration as JSON, which was validated before it was compiled. */
export function grantRulesIn(value: unknown): GrantRules {
  const { issuers, routes } = v.parse(ruled, value);
  return grantRulesOf({
    rules: Object.entries(routes).flatMap(([route, { approval }]) =>
      approval?.grantedBy === undefined ? [] : [[route, approval.grantedBy] as const],
    ),
    presets: Object.fromEntries(Object.entries(issuers).map(([entry, { preset }]) => [entry, preset])),
  });
}

const ruled = v.object({
  issuers: v.optional(v.record(v.string(), v.object({ preset: v.optional(v.string()) })), {}),
  routes: v.optional(
    v.record(v.string(), v.object({ approval: v.optional(v.object({ grantedBy: v.optional(v.unknown()) })) })),
    {},
  ),
});
