import * as v from "valibot";
import type { Action, ActionDeps, CommandEvent } from "../actions/action.ts";
import { consoleOrigin } from "../console/settings.ts";
import type { RunReporter } from "../delivery/correlate.ts";
import { Fault } from "../host/fault.ts";
import { policyOf } from "../identity/policy.ts";
import { type BusEvent, busSourceOf, sourceUriOf } from "../model/bus-event.ts";
import type { Route } from "../routes/route.ts";
import type { Config } from "./schema.ts";
import { type CredentialUseDeps, trackCredentialUse } from "./track-credential-use.ts";

type ConnectedConfig = Pick<Config, "routes" | "targets" | "roles" | "sources" | "console" | "identity">;

/** Connects the configured routes of one kind of action to their targets. */
export function connectAction(
  action: Action,
  config: ConnectedConfig,
  deps: Omit<ActionDeps, "decisionWays"> & CredentialUseDeps,
): readonly Route[] {
  const { routes, targets, roles } = config;
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
      const { runsReportedBy, runNamespaces, params } = connected;
      return {
        name,
        matches,
        mode,
        reject: (principal) => policy.rejectRoute(principal, "fire", name),
        action: action.name,
        target,
        maxAttemptMs: action.maxAttemptMs,
        ...(approval && { approval: { ...approval, approvers: policy.rolesFor("approve", name) } }),
        ...(params && { params }),
        run: (context) => connected.run(context),
        ...(action.showsSummaries && { showsSummaries: true }),
        ...(runsReportedBy !== undefined && { runsReportedBy }),
        ...(runNamespaces && { runNamespaces }),
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
      principal: { issuer: "", subject: "", roles: [] },
      page: { site: "", id: "1" },
      comment: { id: "1" },
    },
  };
}

/** The facts about routes that every function needs, including one whose bundle has no patterns. */
export interface RouteOutline {
  /** Every configured route, and the source that reports its runs. */
  readonly runReporters: readonly RunReporter[];
  /** Whether any route needs an approval. */
  readonly hasGates: boolean;
  /** The hosts to which each target may link, by its name; none if the target has no `linkHosts`. */
  readonly targetHosts: Readonly<Record<string, readonly string[]>>;
}

export const routeOutline = (config: Pick<Config, "routes" | "targets">): RouteOutline => ({
  runReporters: runReporters(config),
  hasGates: config.routes.some(({ approval }) => approval !== undefined),
  targetHosts: Object.fromEntries(
    config.targets.map(({ name, settings }) => [name, v.parse(linking, settings).linkHosts]),
  ),
});

/** The settings of a target that may write links. */
export const linking = v.object({ linkHosts: v.optional(v.array(v.string()), []) });

/** The settings of a target whose action starts runs. */
export const reporting = v.pipe(
  v.object({ runsReportedBy: v.optional(v.string()), namespaces: v.optional(v.array(v.string())) }),
  v.transform(({ runsReportedBy, namespaces }): Omit<RunReporter, "name"> => {
    if (runsReportedBy === undefined) return {};
    return { runsReportedBy, ...(namespaces && { runNamespaces: namespaces }) };
  }),
);

/** Returns each route with the source that reports its runs, from the settings of its target. */
const runReporters = ({ routes, targets }: Pick<Config, "routes" | "targets">): readonly RunReporter[] =>
  routes.map(({ name, target }) => {
    const settings = settingsOf(target, targets);
    return { name, ...v.parse(reporting, settings) };
  });

function settingsOf(target: string, targets: Config["targets"]): object {
  const found = targets.find(({ name }) => name === target);
  if (found) return found.settings;
  throw new Fault("configuration_invalid", `there is no target "${target}"`, { retryable: false });
}
