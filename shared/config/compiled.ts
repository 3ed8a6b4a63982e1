import * as v from "valibot";
import { DAYS, rulesIn } from "../approvals/configured-rules.ts";
import type { RunReporter } from "../delivery/correlate.ts";
import type { ProvingRoute } from "../delivery/origin-proof.ts";
import { Fault } from "../host/fault.ts";
import type { Orders } from "../identity/order.ts";
import { withSignIn } from "../identity/trust-entry.ts";
import type { RoutePattern } from "../routes/route-pattern.ts";
import { hostsOfPages, promotable, type RouteOutline, reporting, runsOf } from "./route-outline.ts";
import { type ConfigWithoutOrders, canEdit, flowOptions, type Outline, outline, peopleIn } from "./schema.ts";

/** The plain value of `drawbridge.yaml` as JSON. The bundler replaces this name with it (`infra/bundling.ts`). */
declare const DRAWBRIDGE_CONFIG: string | undefined;

/**
 * The configuration that was compiled into this bundle, without routes, their targets and orders: for a function that
 * matches no routes. Its start neither loads the code for patterns nor compiles them. It was validated before it was
 * compiled, so only the provider that connects a source parses the source's own settings. Throws `configuration_invalid`.
 */
export function compiledWithoutRoutes(): ConfigWithoutOrders {
  const { routes: _, targets: __, orders: ___, ...rest } = compiledValue();
  return { ...partsOf(outlineOf(rest)), routes: [] };
}

const hasCompiledGates = (): boolean =>
  Object.values(v.parse(gates, compiledValue()).routes).some(({ approval }) => approval !== undefined);

const weeklyWindow = v.object({
  days: v.array(v.picklist(DAYS)),
  from: v.string(),
  to: v.string(),
  zone: v.string(),
});

const gate = v.object({
  windows: v.optional(v.array(weeklyWindow)),
  outsideWindows: v.optional(v.picklist(["wait", "refuse"])),
  approvers: v.optional(v.number()),
  fromRoles: v.optional(v.array(v.string())),
  of: v.optional(v.array(v.array(v.string()))),
  reason: v.optional(v.picklist(["optional", "required"])),
  emergency: v.optional(v.array(v.string())),
  canEdit,
  grantedBy: v.optional(
    v.array(
      v.object({
        id: v.string(),
        mode: v.optional(v.string()),
        when: v.optional(v.record(v.string(), v.unknown())),
      }),
    ),
  ),
});

const gates = v.object({
  routes: v.optional(v.record(v.string(), v.object({ approval: v.optional(gate) })), {}),
});

/** The outline of the compiled routes. Functions that use `compiledWithoutRoutes` need it too. */
export const compiledRouteOutline = (): RouteOutline => ({
  runReporters: compiledRunReporters(),
  hasGates: hasCompiledGates(),
  targetHosts: hostsOfPages(v.parse(withTargets, compiledValue()).targets),
  rules: compiledRules(),
  verifiers: compiledVerifiers(),
  groupSources: async () => (await import("./compiled-groups.ts")).groupSourcesIn(compiledValue()),
  grantRules: async () => (await import("./compiled-grant-rules.ts")).grantRulesIn(compiledValue()),
});

/** The patterns of the compiled routes, which are loaded with the first call. */
export const compiledPatterns = async (): Promise<readonly RoutePattern[]> =>
  (await import("./compiled-patterns.ts")).patternsIn(compiledValue());

/** Reads the compiled orders with the first call, and never again: what is compiled does not change. */
export function compiledOrders(): () => Promise<Orders> {
  let orders: Promise<Orders> | undefined;
  return () => {
    orders ??= import("./compiled-orders.ts").then(({ ordersIn }) => ordersIn(compiledValue()));
    return orders;
  };
}

const compiledRules = (): RouteOutline["rules"] =>
  new Map(
    Object.entries(v.parse(gates, compiledValue()).routes).flatMap(([name, { approval }]) =>
      approval ? [[name, rulesIn(approval)]] : [],
    ),
  );

function compiledVerifiers(): RouteOutline["verifiers"] {
  const { routes, targets } = v.parse(verified, compiledValue());
  return Object.fromEntries(
    Object.entries(routes).flatMap(([route, { approval }]) => {
      const name = approval?.verifyWith ?? "";
      const target = targets[name];
      if (target === undefined) return [];
      const { kind, ...settings } = target;
      return [[route, { name, kind, settings }]];
    }),
  );
}

const verified = v.object({
  routes: v.optional(
    v.record(v.string(), v.object({ approval: v.optional(v.object({ verifyWith: v.optional(v.string()) })) })),
    {},
  ),
  targets: v.optional(v.record(v.string(), v.looseObject({ kind: v.string() })), {}),
});

const withTargets = v.object({ targets: v.optional(v.record(v.string(), v.unknown()), {}) });

function compiledRunReporters(): readonly (ProvingRoute & RunReporter)[] {
  const { routes, targets } = v.parse(reporters, compiledValue());
  return Object.entries(routes).map(([name, { environments, flow, do: actionsOfRoute }]) => {
    const [options = { target: "" }] = Object.values(actionsOfRoute);
    const { target } = options;
    return {
      name,
      target,
      ...(flow && { flow }),
      ...runsOf(targets[target] ?? {}, options),
      ...promotable(environments, options),
    };
  });
}

const reporters = v.object({
  routes: v.optional(
    v.record(
      v.string(),
      v.object({
        environments: v.optional(v.array(v.string())),
        flow: v.optional(flowOptions),
        do: v.record(v.string(), v.looseObject({ target: v.string() })),
      }),
    ),
    {},
  ),
  targets: v.optional(v.record(v.string(), reporting), {}),
});

/** The configuration as JSON; empty if nothing was compiled. */
export function compiledValue(): Readonly<Record<string, unknown>> {
  return typeof DRAWBRIDGE_CONFIG === "undefined" ? {} : JSON.parse(DRAWBRIDGE_CONFIG);
}

/** Throws `configuration_invalid`. */
export function outlineOf(value: object): Outline {
  const parsed = v.safeParse(outline, value);
  if (parsed.success) return parsed.output;
  throw invalid("the bundle has no compiled configuration, or an invalid one");
}

/** All parts but the routes and orders. */
export const partsOf = ({
  identity,
  certificateAuthorities,
  issuers,
  roles,
  upstreams,
  sources,
  targets,
  console,
  limits,
  checks,
}: Outline): Omit<ConfigWithoutOrders, "routes"> => ({
  identity,
  certificateAuthorities,
  issuers: withSignIn(issuers, console?.trust),
  roles,
  upstreams,
  sources: Object.entries(sources).map(([name, { provider, roles, people, mode, ...settings }]) => ({
    name,
    provider,
    roles,
    ...peopleIn(people),
    mode,
    settings,
  })),
  targets: Object.entries(targets).map(([name, { kind, ...settings }]) => ({ name, kind, settings })),
  console,
  limits,
  checks,
});

export const invalid = (why: string): Fault => new Fault("configuration_invalid", why, { retryable: false });
