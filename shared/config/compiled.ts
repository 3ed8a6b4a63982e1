import * as v from "valibot";
import type { RunReporter } from "../delivery/correlate.ts";
import { Fault } from "../host/fault.ts";
import type { BusEvent } from "../model/bus-event.ts";
import { matches } from "../routes/matches.ts";
import { compilePattern } from "../routes/pattern.ts";
import { linking, type RouteOutline, reporting } from "./connect-action.ts";
import { type Config, type ConfiguredRoute, type Outline, outline } from "./schema.ts";

/** The plain value of `drawbridge.yaml` as JSON. The bundler replaces this name with it (`infra/bundling.ts`). */
declare const DRAWBRIDGE_CONFIG: string | undefined;

/**
 * The configuration that was compiled into this bundle. It was validated before that, so only the provider or action that
 * connects a part parses the part's own settings: a bundle contains only the providers and actions that it uses.
 * Throws `configuration_invalid`.
 */
export function compiledConfig(): Config {
  const compiled = outlineOf(compiledValue());
  return { ...partsOf(compiled), routes: Object.entries(compiled.routes).map(([name, part]) => route(name, part)) };
}

/**
 * The same without routes and their targets, for a function that matches no routes: its bundle does not contain the code
 * for patterns, and its start does not compile them.
 */
export function compiledWithoutRoutes(): Config {
  const { routes: _, targets: __, ...rest } = compiledValue();
  return { ...partsOf(outlineOf(rest)), routes: [] };
}

const hasCompiledGates = (): boolean =>
  Object.values(v.parse(gates, compiledValue()).routes).some(({ approval }) => approval !== undefined);

const gates = v.object({
  routes: v.optional(v.record(v.string(), v.object({ approval: v.optional(v.unknown()) })), {}),
});

/** The outline of the compiled routes. Functions that use `compiledWithoutRoutes` need it too. */
export const compiledRouteOutline = (): RouteOutline => ({
  runReporters: compiledRunReporters(),
  hasGates: hasCompiledGates(),
  targetHosts: compiledTargetHosts(),
});

const compiledTargetHosts = (): RouteOutline["targetHosts"] =>
  Object.fromEntries(
    Object.entries(v.parse(hosts, compiledValue()).targets).map(([name, { linkHosts }]) => [name, linkHosts]),
  );

const hosts = v.object({ targets: v.optional(v.record(v.string(), linking), {}) });

function compiledRunReporters(): readonly RunReporter[] {
  const { routes, targets } = v.parse(reporters, compiledValue());
  return Object.entries(routes).map(([name, { do: actionsOfRoute }]) => {
    const [{ target } = { target: "" }] = Object.values(actionsOfRoute);
    return { name, ...targets[target] };
  });
}

const reporters = v.object({
  routes: v.optional(
    v.record(v.string(), v.object({ do: v.record(v.string(), v.object({ target: v.string() })) })),
    {},
  ),
  targets: v.optional(v.record(v.string(), reporting), {}),
});

function compiledValue(): Readonly<Record<string, unknown>> {
  return typeof DRAWBRIDGE_CONFIG === "undefined" ? {} : JSON.parse(DRAWBRIDGE_CONFIG);
}

function outlineOf(value: object): Outline {
  const parsed = v.safeParse(outline, value);
  if (parsed.success) return parsed.output;
  throw invalid("the bundle has no compiled configuration, or an invalid one");
}

const partsOf = ({
  identity,
  issuers,
  roles,
  sources,
  targets,
  console,
  limits,
  checks,
}: Outline): Omit<Config, "routes"> => ({
  identity,
  issuers,
  roles,
  sources: Object.entries(sources).map(([name, { provider, roles, people, mode, ...settings }]) => ({
    name,
    provider,
    roles,
    people,
    mode,
    settings,
  })),
  targets: Object.entries(targets).map(([name, { kind, ...settings }]) => ({ name, kind, settings })),
  console,
  limits,
  checks,
});

function route(name: string, { when, mode, approval, do: actionsOfRoute }: Outline["routes"][string]): ConfiguredRoute {
  const [chosen] = Object.entries(actionsOfRoute);
  const compiled = compilePattern(when);
  if (chosen === undefined || !compiled.ok) throw invalid(`the compiled route "${name}" is invalid`);
  const [action, { target, ...options }] = chosen;
  const { pattern } = compiled;
  return {
    name,
    when,
    pattern,
    matches: (busEvent: BusEvent) => matches(pattern, busEvent),
    mode,
    approval,
    action,
    target,
    options,
  };
}

const invalid = (why: string): Fault => new Fault("configuration_invalid", why, { retryable: false });
