import type { Action, ActionDeps, CommandEvent } from "../actions/action.ts";
import { consoleOrigin } from "../console/settings.ts";
import type { Orders } from "../identity/order.ts";
import { policyOf } from "../identity/policy.ts";
import type { ActionContext } from "../model/action-outcome.ts";
import { type BusEvent, busSourceOf, sourceUriOf } from "../model/bus-event.ts";
import { factsOf } from "../model/event-facts.ts";
import type { Route } from "../routes/route.ts";
import { withEnvironment } from "../routes/with-environment.ts";
import { settingsOf } from "./route-outline.ts";
import type { Config } from "./schema.ts";
import { type CredentialUseDeps, trackCredentialUse } from "./track-credential-use.ts";

type ConnectedConfig = Pick<Config, "routes" | "targets" | "roles" | "sources" | "console" | "identity">;

/** Connects the configured routes of one kind of action to their targets. */
export function connectAction(
  action: Action,
  config: ConnectedConfig,
  {
    orders,
    ...deps
  }: Omit<ActionDeps, "decisionWays"> & CredentialUseDeps & { readonly orders: () => Promise<Orders> },
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
    .map(({ name, matches, mode, approval, environments, flow, target, options }) => {
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
        reject: async ({ detail }) => {
          if ("order" in detail) {
            // What waits is judged by the configuration of today: an order that is gone or changed does not fire.
            const { rejectAlone, rejectOrder } = await import("../identity/order.ts");
            const declared = await orders();
            const rejection = rejectOrder(detail.principal, detail.order, declared, policy);
            if (rejection !== undefined) return { rejection, mode: "enforce" };
            const alone = rejectAlone(detail.order, { orders: declared, hasApproval: approval !== undefined });
            if (alone !== undefined) return { rejection: alone, mode };
          }
          if (detail.promotion?.from !== undefined) {
            const rejection = policy.rejectRoute(detail.principal, "promote", name, [factsOf(detail)]);
            return rejection && { rejection, mode: "enforce" };
          }
          const rejection = policy.rejectRoute(detail.principal, "fire", name, [factsOf(detail)]);
          return rejection && { rejection, mode };
        },
        rejectAgent: async (act, { detail }) => {
          if (approval !== undefined) return undefined;
          if (!("order" in detail)) return { reason: "agent_unattended" };
          const { rejectAlone } = await import("../identity/order.ts");
          return rejectAlone({ ...detail.order, act }, { orders: await orders(), hasApproval: false });
        },
        action: action.name,
        target,
        maxAttemptMs: action.maxAttemptMs,
        ...(approval && {
          approval: { ...approval, approvers: ({ detail }) => policy.rolesFor("approve", name, [factsOf(detail)]) },
        }),
        ...(flow && { flow }),
        ...(params && { params: (busEvent: BusEvent) => params(withEnvironment(busEvent, environments)) }),
        run: (context) => connected.run(inEnvironment(context, environments)),
        ...(action.showsSummaries && { showsSummaries: true }),
        ...(runsReportedBy !== undefined && { runsReportedBy }),
        ...(runNamespaces && { runNamespaces }),
        ...(runsStaleAfterMs !== undefined && { runsStaleAfterMs }),
        ...(explainMissingRun && { explainMissingRun }),
        ...(originKey && { originKey }),
        ...(environments && { environments }),
      };
    });
}

/** A promotion without an approval is bound to its reference too. */
function inEnvironment(context: ActionContext, environments: readonly string[] | undefined): ActionContext {
  const { approvedRef = context.busEvent.detail.promotion?.reference } = context;
  return { ...context, busEvent: withEnvironment(context.busEvent, environments), approvedRef };
}

/**
 * Whether a route hands the action the comments of a source with `people`. A route that takes only some of them, such as
 * those of one page, does not count: what the page shows to people must hold for all of them.
 */
function takesCommands({ name, commandEvents = [] }: Action, { routes, sources }: ConnectedConfig): boolean {
  const samples = sources
    .filter(({ people, groups }) => groups !== undefined || Object.keys(people).length > 0)
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
