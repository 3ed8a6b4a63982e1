import * as v from "valibot";
import { type RulesOf, rulesIn } from "../approvals/configured-rules.ts";
import type { GrantRules } from "../approvals/rule-grants.ts";
import type { RunReporter } from "../delivery/correlate.ts";
import type { ProvingRoute } from "../delivery/origin-proof.ts";
import { Fault } from "../host/fault.ts";
import { STALE_AFTER_MINUTES } from "../routes/route.ts";
import type { RoutePattern } from "../routes/route-pattern.ts";
import type { GroupSource } from "./group-sources.ts";
import type { Config, ConfiguredTarget } from "./schema.ts";

/** The facts about routes that every function needs, including one whose bundle has no patterns. */
export interface RouteOutline {
  /** Every configured route, and the source that reports its runs. */
  readonly runReporters: readonly (ProvingRoute & RunReporter)[];
  /** Whether any route needs an approval. */
  readonly hasGates: boolean;
  /** The hosts to which each target with pages may link, by its name; none if the target has no `linkHosts`. */
  readonly targetHosts: Readonly<Record<string, readonly string[]>>;
  /** Who has to approve the runs of each route that needs it. */
  readonly rules: RulesOf;
  /** The target that each route names under `approval.verifyWith`, by the name of the route. */
  readonly verifiers: Readonly<Record<string, ConfiguredTarget>>;
  /** The groups of each source whose people are known by groups, by the name of the source. Loaded with the first call. */
  readonly groupSources: () => Promise<Readonly<Record<string, GroupSource>>>;
  /** The rules that grant runs in place of people. Loaded with the first call. */
  readonly grantRules: () => Promise<GrantRules>;
}

export const routeOutline = (config: Pick<Config, "issuers" | "sources" | "routes" | "targets">): RouteOutline => ({
  runReporters: runReporters(config),
  hasGates: config.routes.some(({ approval }) => approval !== undefined),
  targetHosts: hostsOfPages(Object.fromEntries(config.targets.map(({ name, settings }) => [name, settings]))),
  rules: new Map(config.routes.flatMap(({ name, approval }) => (approval ? [[name, rulesIn(approval)]] : []))),
  verifiers: Object.fromEntries(
    config.routes.flatMap(({ name, approval }) => {
      const target = config.targets.find((one) => one.name === approval?.verifyWith);
      return target ? [[name, target]] : [];
    }),
  ),
  groupSources: async () => (await import("./group-sources.ts")).groupSourcesOf(config),
  grantRules: async () => {
    const { grantRulesOf } = await import("./grant-rules.ts");
    return grantRulesOf({
      rules: config.routes.map(({ name, approval }) => [name, approval?.grantedBy ?? []] as const),
      presets: Object.fromEntries(Object.entries(config.issuers).map(([entry, { preset }]) => [entry, preset.name])),
    });
  },
});

/** The routes as an explanation needs them. */
export function routePatterns(config: Pick<Config, "routes" | "targets">): readonly RoutePattern[] {
  const reporters = new Map(runReporters(config).map(({ name, runsReportedBy }) => [name, runsReportedBy]));
  return config.routes.map(({ name, pattern, target, mode }) => {
    const reporter = reporters.get(name);
    return { name, pattern, target, mode, ...(reporter !== undefined && { reporter }) };
  });
}

/** As {@link RouteOutline.targetHosts}, from the settings of the targets. A target that has pages has a `site`. */
export const hostsOfPages = (targets: Readonly<Record<string, unknown>>): RouteOutline["targetHosts"] =>
  Object.fromEntries(
    Object.entries(targets).flatMap(([name, settings]) => {
      const parsed = v.safeParse(withPages, settings);
      return parsed.success ? [[name, parsed.output.linkHosts]] : [];
    }),
  );

const withPages = v.object({ site: v.string(), linkHosts: v.optional(v.array(v.string()), []) });

type Runs = Pick<ProvingRoute & RunReporter, "runsReportedBy" | "runNamespaces" | "runsStaleAfterMs" | "originKey">;

/** The settings of a target whose action starts runs. */
export const reporting = v.pipe(
  v.object({
    runsReportedBy: v.optional(v.string()),
    namespaces: v.optional(v.array(v.string())),
    originKey: v.optional(v.object({ current: v.string(), next: v.optional(v.string()) })),
    staleAfterMinutes: v.optional(v.number(), STALE_AFTER_MINUTES),
  }),
  v.transform(({ runsReportedBy, namespaces, originKey, staleAfterMinutes }): Runs => {
    if (runsReportedBy === undefined) return {};
    return {
      runsReportedBy,
      ...(namespaces && { runNamespaces: namespaces }),
      runsStaleAfterMs: staleAfterMinutes * 60_000,
      ...(originKey && { originKey }),
    };
  }),
);

/** Returns each route with the source that reports its runs, from the settings of its target. */
const runReporters = ({ routes, targets }: Pick<Config, "routes" | "targets">): RouteOutline["runReporters"] =>
  routes.map(({ name, target, environments, flow, options }) => {
    const settings = settingsOf(target, targets);
    return {
      name,
      target,
      ...(flow && { flow }),
      ...runsOf(v.parse(reporting, settings), options),
      ...promotable(environments, options),
    };
  });

/** What is known of the runs that a route starts; a route that decides tasks inside runs starts none. */
export const runsOf = (runs: Runs, options: object): Runs & Pick<RunReporter, "answersTasks"> =>
  "gate" in options ? { answersTasks: true } : runs;

/** What a route that promotes runs needs to know of itself. */
export const promotable = (
  environments: readonly string[] | undefined,
  options: object,
): Pick<RunReporter, "environments" | "needsDigest"> =>
  environments === undefined
    ? {}
    : { environments, needsDigest: JSON.stringify(options).includes('"$.detail.promotion.digest"') };

/** The settings of a target. */
export function settingsOf(target: string, targets: Config["targets"]): object {
  const found = targets.find(({ name }) => name === target);
  if (found) return found.settings;
  throw new Fault("configuration_invalid", `there is no target "${target}"`, { retryable: false });
}
