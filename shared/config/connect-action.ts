import * as v from "valibot";
import type { Action, ActionDeps, CommandEvent } from "../actions/action.ts";
import { type RulesOf, rulesIn } from "../approvals/rules.ts";
import { consoleOrigin } from "../console/settings.ts";
import type { RunReporter } from "../delivery/correlate.ts";
import type { ProvingRoute } from "../delivery/origin-proof.ts";
import { Fault } from "../host/fault.ts";
import { rejectOrder } from "../identity/order.ts";
import { policyOf } from "../identity/policy.ts";
import { type BusEvent, busSourceOf, sourceUriOf } from "../model/bus-event.ts";
import { factsOf } from "../model/event-facts.ts";
import { type Route, STALE_AFTER_MINUTES } from "../routes/route.ts";
import type { RoutePattern } from "../routes/route-pattern.ts";
import type { Config, ConfiguredTarget } from "./schema.ts";
import { type CredentialUseDeps, trackCredentialUse } from "./track-credential-use.ts";

type ConnectedConfig = Pick<Config, "routes" | "targets" | "roles" | "sources" | "orders" | "console" | "identity">;

/** Connects the configured routes of one kind of action to their targets. */
export function connectAction(
  action: Action,
  config: ConnectedConfig,
  deps: Omit<ActionDeps, "decisionWays"> & CredentialUseDeps,
): readonly Route[] {
  const { routes, targets, roles, orders } = config;
  const policy = policyOf(roles);
  const origin = consoleOrigin(config);
  const decisionWays = {
    comments: takesCommands(action, config),
    console: origin === undefined ? undefined : `${origin}/console/approvals`,
  };
  return routes
    .filter((route) => route.action === action.name)
    .map(({ name, matches, mode, approval, target, options }) => {
      const settings = settingsOf(target, targets);
      const connected = action.connect(
        { route: name, targetName: target, target: settings, options },
        { ...deps, decisionWays, callOut: trackCredentialUse(target, settings, deps) },
      );
      const { runsReportedBy, runNamespaces, runsStaleAfterMs, originKey, params, explainMissingRun } = connected;
      return {
        name,
        matches,
        mode,
        reject: ({ detail }) =>
          // What waits is judged by the configuration of today: an order that is gone or changed does not fire.
          ("order" in detail ? rejectOrder(detail.principal, detail.order, orders, policy) : undefined) ??
          policy.rejectRoute(detail.principal, "fire", name, [factsOf(detail)]),
        action: action.name,
        target,
        maxAttemptMs: action.maxAttemptMs,
        ...(approval && {
          approval: { ...approval, approvers: ({ detail }) => policy.rolesFor("approve", name, [factsOf(detail)]) },
        }),
        ...(params && { params }),
        run: (context) => connected.run(context),
        ...(action.showsSummaries && { showsSummaries: true }),
        ...(runsReportedBy !== undefined && { runsReportedBy }),
        ...(runNamespaces && { runNamespaces }),
        ...(runsStaleAfterMs !== undefined && { runsStaleAfterMs }),
        ...(explainMissingRun && { explainMissingRun }),
        ...(originKey && { originKey }),
      };
    });
}

/**
 * Whether a route hands the action the comments of a source with `people`. A route that takes only some of them, such as
 * those of one page, does not count: what the page shows to people must hold for all of them.
 */
function takesCommands({ name, commandEvents = [] }: Action, { routes, sources }: ConnectedConfig): boolean {
  const samples = sources
    .filter(({ people }) => Object.keys(people).length > 0)
    .flatMap((source) => commandEvents.map((type) => sampleCommand(type, source)));
  return routes.some((route) => route.action === name && samples.some((sample) => route.matches(sample)));
}

/** An event of a comment in which nothing is special. */
function sampleCommand(type: CommandEvent, { name, provider }: Config["sources"][number]): BusEvent {
  const time = "2026-01-01T00:00:00.000Z";
  return {
    source: busSourceOf(provider),
    "detail-type": type,
    time,
    detail: {
      id: "e-sample",
      type,
      time,
      subject: "1",
      source: sourceUriOf(name),
      delivery: "d-sample",
      eventKey: "e-sample",
      principal: { id: "", issuer: "", subject: "", roles: [] },
      page: { site: "", id: "1" },
      comment: { id: "1" },
    },
  };
}

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
}

export const routeOutline = (config: Pick<Config, "routes" | "targets">): RouteOutline => ({
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
});

/** The routes as an explanation needs them. */
export function routePatterns(config: Pick<Config, "routes" | "targets">): readonly RoutePattern[] {
  const reporters = new Map(runReporters(config).map(({ name, runsReportedBy }) => [name, runsReportedBy]));
  return config.routes.map(({ name, pattern, target }) => {
    const reporter = reporters.get(name);
    return { name, pattern, target, ...(reporter !== undefined && { reporter }) };
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

/** The settings of a target whose action starts runs. */
export const reporting = v.pipe(
  v.object({
    runsReportedBy: v.optional(v.string()),
    namespaces: v.optional(v.array(v.string())),
    originKey: v.optional(v.object({ current: v.string(), next: v.optional(v.string()) })),
    staleAfterMinutes: v.optional(v.number(), STALE_AFTER_MINUTES),
  }),
  v.transform(
    ({
      runsReportedBy,
      namespaces,
      originKey,
      staleAfterMinutes,
    }): Omit<ProvingRoute & RunReporter, "name" | "target"> => {
      if (runsReportedBy === undefined) return {};
      return {
        runsReportedBy,
        ...(namespaces && { runNamespaces: namespaces }),
        runsStaleAfterMs: staleAfterMinutes * 60_000,
        ...(originKey && { originKey }),
      };
    },
  ),
);

/** Returns each route with the source that reports its runs, from the settings of its target. */
const runReporters = ({ routes, targets }: Pick<Config, "routes" | "targets">): RouteOutline["runReporters"] =>
  routes.map(({ name, target }) => {
    const settings = settingsOf(target, targets);
    return { name, target, ...v.parse(reporting, settings) };
  });

function settingsOf(target: string, targets: Config["targets"]): object {
  const found = targets.find(({ name }) => name === target);
  if (found) return found.settings;
  throw new Fault("configuration_invalid", `there is no target "${target}"`, { retryable: false });
}
