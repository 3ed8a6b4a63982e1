import * as v from "valibot";
import { actions } from "../actions/registry.ts";
import { providers } from "../providers/registry.ts";
import { matches } from "../routes/matches.ts";
import { compilePattern } from "../routes/pattern.ts";
import { checks } from "./checks/registry.ts";
import { type ConfigProblem, explain } from "./explain.ts";
import { namesUnder } from "./references.ts";
import type { Config, ConfiguredRoute, ConfiguredSource, ConfiguredTarget, Outline } from "./schema.ts";
import { suggestion } from "./suggest.ts";
import type { Path } from "./yaml-file.ts";

export interface BuiltConfig {
  /** Absent when the outline itself does not hold. Parts with a problem are still in it. */
  readonly config?: Config;
  readonly problems: readonly ConfigProblem[];
}

/** What the parts of a file may be called by, whether they hold or not. */
export interface Names {
  readonly issuers: readonly string[];
  readonly sources: readonly string[];
  readonly targets: readonly string[];
  readonly roles: readonly string[];
  readonly routes: readonly string[];
}

/** Gives each part to the provider or action it belongs to, and follows every name. */
export function buildConfig(outline: Outline, names: Names): BuiltConfig {
  const problems: ConfigProblem[] = [];
  const config: Config = {
    identity: outline.identity,
    issuers: outline.issuers,
    roles: outline.roles,
    sources: entriesOf(outline.sources).map(([name, part]) => source(name, part, problems)),
    targets: entriesOf(outline.targets).map(([name, part]) => target(name, part, problems)),
    routes: entriesOf(outline.routes).flatMap(([name, part]) => route(name, part, { ...names, outline }, problems)),
    console: outline.console,
    limits: outline.limits,
    checks: outline.checks,
  };
  const trusted = [
    ...namesUnder(outline.sources, "trust", ["sources"]),
    ...namesUnder(outline.console, "trust", ["console"]),
  ];
  const earned = [
    ...namesUnder(outline.sources, "roles", ["sources"]),
    ...namesUnder(outline.issuers, "role", ["issuers"]),
  ];
  const reporting = namesUnder(outline.targets, "runsReportedBy", ["targets"]);
  problems.push(...astray(trusted, "issuer", names.issuers), ...astray(reporting, "source", names.sources));
  problems.push(...astray(earned, "role", names.roles), ...astray(ruled(outline.roles), "route", names.routes));
  problems.push(
    ...outline.checks.ignore.flatMap(({ id }, index) => notIgnorable(id, ["checks", "ignore", index, "id"])),
  );
  return { config, problems };
}

/** Whether a finding of this name can be ignored, as a problem if not. */
function notIgnorable(id: string, path: Path): readonly ConfigProblem[] {
  const check = checks.find((one) => one.id === id);
  if (check?.canBeIgnored) return [];
  if (check !== undefined) return [{ path, message: `"${id}" cannot be ignored: ${check.remedy}` }];
  return [{ path, message: `there is no check "${id}"${suggestion(id, IGNORABLE)}` }];
}

const IGNORABLE = checks.filter(({ canBeIgnored }) => canBeIgnored).map(({ id }) => id);

/** The configuration without the entries of its sections that have a problem. */
export function withoutBroken(config: Config, problems: readonly ConfigProblem[]): Config {
  const isSound = (section: string, name: string): boolean =>
    !problems.some(({ path }) => path[0] === section && path[1] === name);
  const sound = <T>(section: string, entries: Readonly<Record<string, T>>): Readonly<Record<string, T>> =>
    Object.fromEntries(Object.entries(entries).filter(([name]) => isSound(section, name)));
  return {
    ...config,
    issuers: sound("issuers", config.issuers),
    roles: sound("roles", config.roles),
    sources: config.sources.filter(({ name }) => isSound("sources", name)),
    targets: config.targets.filter(({ name }) => isSound("targets", name)),
    routes: config.routes.filter(({ name }) => isSound("routes", name)),
  };
}

const entriesOf = <T>(record: Readonly<Record<string, T>>): readonly [string, T][] => Object.entries(record);

function source(name: string, part: Outline["sources"][string], problems: ConfigProblem[]): ConfiguredSource {
  const { provider: kind, roles, people, mode, ...settings } = part;
  const provider = providers.find((one) => one.name === kind);
  const path = ["sources", name];
  if (provider) fits(provider.settings, settings, path, problems);
  else problems.push(unknown([...path, "provider"], "provider", kind, providers));
  return { name, provider: kind, roles, people, mode, settings };
}

function target(name: string, part: Outline["targets"][string], problems: ConfigProblem[]): ConfiguredTarget {
  const { kind, ...settings } = part;
  const action = actions.find((one) => one.name === kind);
  const path = ["targets", name];
  if (action) fits(action.target, settings, path, problems);
  else problems.push(unknown([...path, "kind"], "kind of target", kind, actions));
  return { name, kind, settings };
}

function route(
  name: string,
  { when, mode, approval, do: does }: Outline["routes"][string],
  known: Names & { readonly outline: Outline },
  problems: ConfigProblem[],
): readonly ConfiguredRoute[] {
  const path = ["routes", name];
  const [chosen, ...others] = entriesOf(does);
  if (chosen === undefined || others.length > 0) {
    problems.push({
      path: [...path, "do"],
      message: "a route does exactly one thing; write another route for another action",
    });
    return [];
  }
  const [kind, { target: targetName, ...options }] = chosen;
  const at = [...path, "do", kind];
  const action = actions.find((one) => one.name === kind);
  if (action) fits(action.options, options, at, problems);
  else problems.push(unknown(at, "action", kind, actions));
  if (action) problems.push(...wrongTarget([...at, "target"], kind, targetName, known));
  const compiled = compilePattern(when);
  if (compiled.ok) {
    const { pattern } = compiled;
    return [
      {
        ...{ name, when, pattern, mode, approval, action: kind, target: targetName, options },
        matches: (busEvent) => matches(pattern, busEvent),
      },
    ];
  }
  problems.push(...compiled.problems.map((one) => ({ path: [...path, "when", ...one.path], message: one.message })));
  return [];
}

function fits(schema: v.GenericSchema, value: unknown, path: Path, problems: ConfigProblem[]): void {
  const read = v.safeParse(schema, value);
  if (!read.success) problems.push(...explain(read.issues, schema, path));
}

function unknown(path: Path, what: string, name: string, known: readonly { readonly name: string }[]): ConfigProblem {
  const names = known.map((one) => one.name);
  return { path, message: `there is no ${what} "${name}"${suggestion(name, names)}` };
}

function wrongTarget(
  path: Path,
  kind: string,
  name: string,
  { targets, outline }: { readonly targets: readonly string[]; readonly outline: Outline },
): readonly ConfigProblem[] {
  const other = entriesOf(outline.targets).find(([one]) => one === name)?.[1];
  const isBroken = other ? !actions.some((action) => action.name === other.kind) : targets.includes(name);
  if (other?.kind === kind || isBroken) return [];
  const fitting = entriesOf(outline.targets).filter(([, one]) => one.kind === kind);
  const hint = suggestion(
    name,
    fitting.map(([one]) => one),
  );
  if (other === undefined) return [{ path, message: `there is no target "${name}"${hint}` }];
  return [{ path, message: `the target "${name}" is of kind ${other.kind}, not ${kind}${hint}` }];
}

/** Of names that parts call others by, those that lead nowhere. */
function astray(
  called: readonly (readonly [Path, string])[],
  what: string,
  known: readonly string[],
): readonly ConfigProblem[] {
  return called
    .filter(([, name]) => !known.includes(name))
    .map(([path, name]) => ({ path, message: `there is no ${what} "${name}"${suggestion(name, known)}` }));
}

/** Routes that roles name; one with a `*` may name what is still to come. */
const ruled = (roles: Outline["roles"]): readonly (readonly [Path, string])[] =>
  (["fire", "replay", "approve"] as const)
    .flatMap((verb) => namesUnder(roles, verb, ["roles"]))
    .filter(([, route]) => !route.endsWith("*"));
