import * as v from "valibot";
import { compilePattern } from "../routes/pattern.ts";
import type { RoutePattern } from "../routes/route-pattern.ts";

/**
 * The patterns in the value of a compiled configuration, which was validated before it was compiled. A module of its own,
 * because most functions that take requests never explain a delivery.
 */
export function patternsIn(value: unknown): readonly RoutePattern[] {
  const { routes, targets } = v.parse(withPatterns, value);
  return Object.entries(routes).flatMap(([name, { when, mode, do: actions }]) => {
    const compiled = compilePattern(when);
    const [{ target } = { target: "" }] = Object.values(actions);
    const reporter = targets[target]?.runsReportedBy;
    if (!compiled.ok) return [];
    return [{ name, pattern: compiled.pattern, target, mode, ...(reporter !== undefined && { reporter }) }];
  });
}

const withPatterns = v.object({
  routes: v.optional(
    v.record(
      v.string(),
      v.object({
        when: v.unknown(),
        mode: v.optional(v.picklist(["enforce", "shadow"]), "enforce"),
        do: v.record(v.string(), v.object({ target: v.string() })),
      }),
    ),
    {},
  ),
  targets: v.optional(v.record(v.string(), v.object({ runsReportedBy: v.optional(v.string()) })), {}),
});
