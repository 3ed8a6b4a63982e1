import * as v from "valibot";
import type { Config, ConfiguredSource, ConfiguredTarget, GroupMap } from "./schema.ts";

interface Source {
  readonly provider: string;
  /** Undefined if the settings of its provider do not say. */
  readonly site?: string | undefined;
}

interface Target {
  readonly name: string;
  readonly kind: string;
  readonly site?: string | undefined;
}

/**
 * The targets that can be asked for the groups of a source: those of its kind, and of its site if both name one, so that
 * no account is looked for among the groups of another site.
 */
export const groupTargetsFor = <T extends Target>({ provider, site }: Source, targets: readonly T[]): readonly T[] =>
  targets.filter((one) => one.kind === provider && (site === undefined || one.site === site));

/** The target that is asked for the groups of a source; undefined if none fits, or if several do and none is named. */
export function groupTargetOf<T extends Target>(
  source: Source,
  { target }: GroupMap,
  targets: readonly T[],
): T | undefined {
  const fitting = groupTargetsFor(source, targets);
  if (target === undefined) return fitting.length === 1 ? fitting[0] : undefined;
  return fitting.find(({ name }) => name === target);
}

/** The groups of a source that give roles, and the target that is asked who is in them. */
export interface GroupSource {
  readonly map: GroupMap["map"];
  readonly target: ConfiguredTarget;
}

/** The sources whose people are known by groups, each with its target. `check` rejects one without. */
export const groupSourcesOf = ({
  sources,
  targets,
}: Pick<Config, "targets"> & {
  readonly sources: readonly Pick<ConfiguredSource, "name" | "provider" | "groups" | "settings">[];
}): Readonly<Record<string, GroupSource>> =>
  Object.fromEntries(
    sources.flatMap(({ name, provider, groups, settings }) => {
      const all = targets.map((target) => ({ ...target, site: siteIn(target.settings) }));
      const target = groups && groupTargetOf({ provider, site: siteIn(settings) }, groups, all);
      return target ? [[name, { map: groups.map, target }]] : [];
    }),
  );

/** The site that the settings of a source or target name. */
export function siteIn(settings: object): string | undefined {
  const parsed = v.safeParse(withSite, settings);
  return parsed.success ? parsed.output.site : undefined;
}

const withSite = v.object({ site: v.optional(v.string()) });
