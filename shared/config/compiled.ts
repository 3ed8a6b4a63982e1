import * as v from "valibot";
import type { RunReporter } from "../delivery/correlate.ts";
import { Fault } from "../host/fault.ts";
import type { BusEvent } from "../model/bus-event.ts";
import { matches } from "../routes/matches.ts";
import { compilePattern } from "../routes/pattern.ts";
import type { RouteOutline } from "./connect-action.ts";
import { type Config, type ConfiguredRoute, type Outline, outline } from "./schema.ts";

/** The plain value of `drawbridge.yaml` as JSON, which the bundler writes in place of this name (`infra/bundling.ts`). */
declare const DRAWBRIDGE_CONFIG: string | undefined;

/**
 * The configuration that was compiled into this bundle. It was checked whole before that, so each part's own shape is left
 * to the provider or action that connects it: a function then holds only the providers and actions that it uses.
 * Throws `configuration_invalid`.
 */
export function compiledConfig(): Config {
  const compiled = outlineOf(compiledValue());
  return { ...partsOf(compiled), routes: Object.entries(compiled.routes).map(([name, part]) => route(name, part)) };
}

/**
 * The same without routes and their targets, for a function that follows none: patterns and their matching stay out of its
 * bundle, and its start does not wait until they are read.
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

/** The outline of the compiled routes, for every function: also for one whose configuration is without routes. */
export const compiledRouteOutline = (): RouteOutline => ({
  runReporters: compiledRunReporters(),
  hasGates: hasCompiledGates(),
});

function compiledRunReporters(): readonly RunReporter[] {
  const { routes, targets } = v.parse(reporting, compiledValue());
  return Object.entries(routes).map(([name, { do: does }]) => {
    const reporters = Object.values(does).map(({ target }) => targets[target]?.runsReportedBy);
    const runsReportedBy = reporters.find((source) => source !== undefined);
    return { name, ...(runsReportedBy !== undefined && { runsReportedBy }) };
  });
}

const reporting = v.object({
  routes: v.optional(
    v.record(v.string(), v.object({ do: v.record(v.string(), v.object({ target: v.string() })) })),
    {},
  ),
  targets: v.optional(v.record(v.string(), v.object({ runsReportedBy: v.optional(v.string()) })), {}),
});

function compiledValue(): Readonly<Record<string, unknown>> {
  return typeof DRAWBRIDGE_CONFIG === "undefined" ? {} : JSON.parse(DRAWBRIDGE_CONFIG);
}

function outlineOf(value: object): Outline {
  const read = v.safeParse(outline, value);
  if (read.success) return read.output;
  throw invalid("there is no compiled configuration, or it does not fit its outline");
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
    ...{ name, provider, roles, people, mode, settings },
  })),
  targets: Object.entries(targets).map(([name, { kind, ...settings }]) => ({ name, kind, settings })),
  console,
  limits,
  checks,
});

function route(name: string, { when, mode, approval, do: does }: Outline["routes"][string]): ConfiguredRoute {
  const [chosen] = Object.entries(does);
  const compiled = compilePattern(when);
  if (chosen === undefined || !compiled.ok) throw invalid(`the compiled route "${name}" cannot be used`);
  const [action, { target, ...options }] = chosen;
  const { pattern } = compiled;
  const matching = { when, pattern, matches: (busEvent: BusEvent) => matches(pattern, busEvent) };
  return { name, ...matching, mode, approval, action, target, options };
}

const invalid = (why: string): Fault => new Fault("configuration_invalid", why, { retryable: false });
