import * as v from "valibot";
import { type GroupSource, groupSourcesOf } from "./group-sources.ts";

/** The groups of the sources in a configuration as JSON, which was validated before it was compiled. */
export function groupSourcesIn(value: unknown): Readonly<Record<string, GroupSource>> {
  const { sources, targets } = v.parse(grouped, value);
  return groupSourcesOf({
    sources: Object.entries(sources).map(([name, { provider, people, ...settings }]) => ({
      name,
      provider,
      groups: people,
      settings,
    })),
    targets: Object.entries(targets).map(([name, { kind, ...settings }]) => ({ name, kind, settings })),
  });
}

const grouped = v.object({
  sources: v.optional(
    v.record(
      v.string(),
      v.looseObject({
        provider: v.string(),
        // Undefined if people are only listed.
        people: v.fallback(
          v.optional(
            v.object({
              from: v.literal("groups"),
              map: v.record(v.string(), v.array(v.string())),
              target: v.optional(v.string()),
            }),
          ),
          undefined,
        ),
      }),
    ),
    {},
  ),
  targets: v.optional(v.record(v.string(), v.looseObject({ kind: v.string() })), {}),
});
