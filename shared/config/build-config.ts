import * as v from "valibot";
import { actions } from "../actions/registry.ts";
import type { ClaimRule } from "../identity/claim-rule.ts";
import { type Order, order } from "../identity/order.ts";
import { withSignIn } from "../identity/trust-entry.ts";
import type { FlowOptions } from "../model/flow.ts";
import { providers } from "../providers/registry.ts";
import { isTemplate } from "../routes/fill.ts";
import { flow as flowSchema } from "../routes/flow.ts";
import { matches } from "../routes/matches.ts";
import { compilePattern } from "../routes/pattern.ts";
import { checks } from "./checks/registry.ts";
import { environments } from "./environments.ts";
import { type ConfigProblem, explain } from "./explain.ts";
import { grantRules } from "./grant-rules.ts";
import { groupTargetOf, groupTargetsFor, siteIn } from "./group-sources.ts";
import { type KongSettings, kongSettings } from "./kong.ts";
import { namesUnder } from "./references.ts";
import {
  type Config,
  type ConfiguredRoute,
  type ConfiguredSource,
  type ConfiguredTarget,
  type Outline,
  peopleIn,
} from "./schema.ts";
import { suggestion } from "./suggest.ts";
import type { Path } from "./yaml-file.ts";

export interface BuiltConfig {
  /** Undefined if the outline itself is invalid. Parts with a problem are still in it. */
  readonly config?: Config;
  readonly problems: readonly ConfigProblem[];
}

/** The names that a reference may use. They include the names of invalid parts. */
export interface Names {
  readonly issuers: readonly string[];
  readonly sources: readonly string[];
  readonly targets: readonly string[];
  readonly roles: readonly string[];
  readonly routes: readonly string[];
}

/** Validates each part against the schema of its provider or action, and resolves every name. */
export function buildConfig(outline: Outline, names: Names): BuiltConfig {
  const problems: ConfigProblem[] = [];
  const config: Config = {
    identity: outline.identity,
    certificateAuthorities: outline.certificateAuthorities,
    issuers: withSignIn(outline.issuers, outline.console?.trust),
    roles: outline.roles,
    upstreams: outline.upstreams,
    sources: entriesOf(outline.sources).map(([name, part]) => source(name, part, problems)),
    targets: entriesOf(outline.targets).map(([name, part]) => target(name, part, problems)),
    routes: entriesOf(outline.routes).flatMap(([name, part]) => route(name, part, { ...names, outline }, problems)),
    orders: Object.fromEntries(
      entriesOf(outline.orders).flatMap(([name, part]) => orderOf(name, part, { ...names, outline }, problems)),
    ),
    console: outline.console,
    otlp: outline.otlp,
    kong: kongOf(outline, names, problems),
    limits: outline.limits,
    checks: outline.checks,
  };
  const listed = withoutGroups(outline.sources);
  const trusted = [...namesUnder(listed, "trust", ["sources"]), ...namesUnder(outline.console, "trust", ["console"])];
  const earned = [
    ...namesUnder(listed, "roles", ["sources"]),
    ...rolesOfGroups(config.sources),
    ...namesUnder(outline.issuers, "role", ["issuers"]),
    ...namesUnder(outline.upstreams, "role", ["upstreams"]),
    ...namesUnder(outline.roles, "by", ["roles"]),
    ...namesUnder(outline.roles, "approvedBy", ["roles"]),
    ...entriesOf(outline.routes).flatMap(([name, { approval }]) =>
      namesUnder({ emergency: approval?.emergency }, "emergency", ["routes", name, "approval"]),
    ),
  ];
  for (const one of config.sources) problems.push(...withoutGroupTarget(one, { ...names, config }));
  const reporting = namesUnder(outline.targets, "runsReportedBy", ["targets"]);
  problems.push(...unresolved(trusted, "issuer", names.issuers), ...unresolved(reporting, "source", names.sources));
  problems.push(...unresolved(earned, "role", names.roles));
  problems.push(...unresolved(routesIn(outline.roles), "route", names.routes));
  problems.push(
    ...outline.checks.ignore.flatMap(({ id }, index) => notIgnorable(id, ["checks", "ignore", index, "id"])),
  );
  return { config, problems };
}

/** Returns a problem if no check has this id, or if the findings of the check cannot be ignored. */
function notIgnorable(id: string, path: Path): readonly ConfigProblem[] {
  const check = checks.find((one) => one.id === id);
  if (check?.canBeIgnored) return [];
  if (check !== undefined) return [{ path, message: `"${id}" cannot be ignored: ${check.remedy}` }];
  return [{ path, message: `there is no check "${id}"${suggestion(id, IGNORABLE)}` }];
}

const IGNORABLE = checks.filter(({ canBeIgnored }) => canBeIgnored).map(({ id }) => id);

/** The configuration without the entries of its sections that have a problem. */
export function withoutBroken(config: Config, problems: readonly ConfigProblem[]): Config {
  const isValid = (section: string, name: string): boolean =>
    !problems.some(({ path }) => path[0] === section && path[1] === name);
  const validOf = <T>(section: string, entries: Readonly<Record<string, T>>): Readonly<Record<string, T>> =>
    Object.fromEntries(Object.entries(entries).filter(([name]) => isValid(section, name)));
  return {
    ...config,
    issuers: validOf("issuers", config.issuers),
    roles: validOf("roles", config.roles),
    upstreams: validOf("upstreams", config.upstreams),
    sources: config.sources.filter(({ name }) => isValid("sources", name)),
    targets: config.targets.filter(({ name }) => isValid("targets", name)),
    routes: config.routes.filter(({ name }) => isValid("routes", name)),
    orders: validOf("orders", config.orders),
  };
}

const entriesOf = <T>(record: Readonly<Record<string, T>>): readonly [string, T][] => Object.entries(record);

function source(name: string, part: Outline["sources"][string], problems: ConfigProblem[]): ConfiguredSource {
  const { provider: kind, roles, people, mode, ...settings } = part;
  const provider = providers.find((one) => one.name === kind);
  const path = ["sources", name];
  if (provider) validate(provider.settings, settings, path, problems);
  else problems.push(unknown([...path, "provider"], "provider", kind, providers));
  return { name, provider: kind, roles, ...peopleIn(people), mode, settings };
}

/** The sources without the names of groups, which may be any words. */
const withoutGroups = (sources: Outline["sources"]) =>
  Object.fromEntries(
    entriesOf(sources).map(([name, source]) => [name, { ...source, people: peopleIn(source.people).people }]),
  );

const rolesOfGroups = (sources: Config["sources"]): readonly (readonly [Path, string])[] =>
  sources.flatMap(({ name, groups }) =>
    entriesOf(groups?.map ?? {}).flatMap(([group, roles]) =>
      roles.map((role, at) => [["sources", name, "people", "map", group, at], role] as const),
    ),
  );

/** Only a target of the source's own site can say who is in a group there. */
function withoutGroupTarget(
  { name, provider, groups, settings }: ConfiguredSource,
  { targets, config }: Names & { readonly config: Config },
): readonly ConfigProblem[] {
  if (groups === undefined) return [];
  const path = ["sources", name, "people"];
  if (!actions.some((action) => action.name === provider && action.groupsOf !== undefined))
    return [{ path: [...path, "from"], message: `accounts of a source of ${provider} are in no groups: list them` }];
  const site = siteIn(settings);
  const all = config.targets.map((one) => ({ ...one, site: siteIn(one.settings) }));
  if (groupTargetOf({ provider, site }, groups, all)) return [];
  const fitting = groupTargetsFor({ provider, site }, all).map((one) => one.name);
  const place = site === undefined ? `of kind ${provider}` : `of kind ${provider} at ${site}`;
  const at = [...path, groups.target === undefined ? "from" : "target"];
  if (groups.target === undefined) {
    const which = fitting.length === 0 ? "there is none" : `there are ${fitting.join(", ")}`;
    return [
      { path: at, message: `a target ${place} has to be asked for the groups, and ${which}: name one under "target"` },
    ];
  }
  const what = targets.includes(groups.target)
    ? `the target "${groups.target}" is not ${place}, so it knows other accounts`
    : `there is no target "${groups.target}"`;
  return [{ path: at, message: `${what}${suggestion(groups.target, fitting)}` }];
}

function target(name: string, part: Outline["targets"][string], problems: ConfigProblem[]): ConfiguredTarget {
  const { kind, ...settings } = part;
  const action = actions.find((one) => one.name === kind);
  const path = ["targets", name];
  if (action) validate(action.target, settings, path, problems);
  else problems.push(unknown([...path, "kind"], "kind of target", kind, actions));
  return { name, kind, settings };
}

function route(
  name: string,
  { when, mode, approval, environments: declared, flow, do: actionsOfRoute }: Outline["routes"][string],
  known: Names & { readonly outline: Outline },
  problems: ConfigProblem[],
): readonly ConfiguredRoute[] {
  const path = ["routes", name];
  const [chosen, ...others] = entriesOf(actionsOfRoute);
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
  if (action) validate(action.options, options, at, problems);
  else problems.push(unknown(at, "action", kind, actions));
  if (action) problems.push(...wrongTarget([...at, "target"], kind, targetName, known));
  if (flow !== undefined) {
    validate(flowSchema, flow, [...path, "flow"], problems);
    problems.push(...unfitFlow([...path, "flow"], flow, action));
  }
  problems.push(...twoQuorums([...path, "approval"], approval));
  problems.push(...lateReminder([...path, "approval"], approval));
  problems.push(...unfitRules([...path, "approval", "grantedBy"], approval, known));
  problems.push(...unfitEditors([...path, "approval"], approval, known));
  problems.push(...unfitVerifier([...path, "approval", "verifyWith"], approval?.verifyWith, known));
  if (declared !== undefined) validate(environments, declared, [...path, "environments"], problems);
  const compiled = compilePattern(when);
  if (compiled.ok) {
    const { pattern } = compiled;
    return [
      {
        name,
        when,
        pattern,
        mode,
        approval,
        environments: declared,
        ...(flow && { flow }),
        action: kind,
        target: targetName,
        options,
        matches: (busEvent) => matches(pattern, busEvent),
      },
    ];
  }
  problems.push(...compiled.problems.map((one) => ({ path: [...path, "when", ...one.path], message: one.message })));
  return [];
}

/** A flow leaves events out, or puts them off. A page shows each state, and takes care of their order itself. */
function unfitFlow(
  path: Path,
  flow: FlowOptions,
  action: (typeof actions)[number] | undefined,
): readonly ConfigProblem[] {
  const problems = action?.showsSummaries
    ? [{ path, message: `a route of the action ${action.name} has no flow: its page would miss states` }]
    : [];
  return typeof flow.key !== "string" || isTemplate(flow.key)
    ? problems
    : [...problems, { path: [...path, "key"], message: "it must be a path such as $.detail.page.id, or a text" }];
}

function orderOf(
  name: string,
  part: unknown,
  known: Names & { readonly outline: Outline },
  problems: ConfigProblem[],
): readonly (readonly [string, Order])[] {
  const path = ["orders", name];
  const parsed = v.safeParse(order, part);
  if (!parsed.success) {
    problems.push(...explain(parsed.issues, order, path));
    return [];
  }
  problems.push(...unresolved(namesUnder({ roles: parsed.output.roles }, "roles", path), "role", known.roles));
  for (const [input, declared] of entriesOf(parsed.output.inputs)) {
    if ("page" in declared) problems.push(...withoutPages([...path, "inputs", input, "page"], declared.page, known));
  }
  return [[name, parsed.output]];
}

/** Undefined without the section, or if it has a mistake. */
function kongOf(
  { kong, upstreams }: Outline,
  { sources }: Pick<Names, "sources">,
  problems: ConfigProblem[],
): KongSettings | undefined {
  if (kong === undefined) return undefined;
  const parsed = v.safeParse(kongSettings, kong);
  if (!parsed.success) {
    problems.push(...explain(parsed.issues, kongSettings, ["kong"]));
    return undefined;
  }
  const named = (section: "sources" | "upstreams") =>
    Object.keys(parsed.output[section]).map((name) => [["kong", section, name], name] as const);
  problems.push(...unresolved(named("sources"), "source", sources));
  problems.push(...unresolved(named("upstreams"), "upstream", Object.keys(upstreams)));
  return parsed.output;
}

/** Only the pages of some kinds of targets have ids. */
function withoutPages(
  path: Path,
  name: string,
  { targets, outline }: { readonly targets: readonly string[]; readonly outline: Outline },
): readonly ConfigProblem[] {
  const hasPages = (kind: string): boolean => actions.some((one) => one.name === kind && one.showsSummaries === true);
  const all = entriesOf(outline.targets);
  const target = all.find(([one]) => one === name)?.[1];
  if (target === undefined ? targets.includes(name) : hasPages(target.kind)) return [];
  const fitting = all.filter(([, { kind }]) => hasPages(kind)).map(([one]) => one);
  const what = target === undefined ? `there is no target "${name}"` : `the target "${name}" has no pages`;
  return [{ path, message: `${what}${suggestion(name, fitting)}` }];
}

function validate(schema: v.GenericSchema, value: unknown, path: Path, problems: ConfigProblem[]): void {
  const parsed = v.safeParse(schema, value);
  if (!parsed.success) problems.push(...explain(parsed.issues, schema, path));
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

/** The rules that grant runs: their patterns, their trust entries, and the claims that are recorded of a token. */
function unfitRules(
  path: Path,
  approval: Outline["routes"][string]["approval"],
  { issuers, sources, outline }: Names & { readonly outline: Outline },
): readonly ConfigProblem[] {
  const parsed = v.safeParse(grantRules, approval?.grantedBy ?? []);
  if (!parsed.success) return explain(parsed.issues, grantRules, path);
  return parsed.output.flatMap(({ when: { event, claims, checks = [] } }, at) => {
    const when = [...path, at, "when"];
    const compiled = event === undefined ? undefined : compilePattern(event);
    const wrong = compiled?.ok === false ? compiled.problems : [];
    const reporters = checks.map(({ source }, n) => [[...when, "checks", n, "source"], source] as const);
    const patterns = [
      ...wrong.map((one) => ({ path: [...when, "event", ...one.path], message: one.message })),
      ...unresolved(reporters, "source", sources),
    ];
    if (claims === undefined) return patterns;
    const named = unresolved([[[...when, "claims", "trust"], claims.trust]], "issuer", issuers);
    const entry = outline.issuers[claims.trust];
    return [...patterns, ...named, ...(entry ? unrecorded([...when, "claims", "match"], claims.match, entry) : [])];
  });
}

/** A rule is judged by what is recorded of a token. */
function unrecorded(
  path: Path,
  match: readonly ClaimRule[],
  { preset: { name, shown = [] } }: Outline["issuers"][string],
): readonly ConfigProblem[] {
  const recorded = [["sub"], ...shown].map((one) => one.join("\n"));
  return match.flatMap(({ path: claim }, at) =>
    recorded.includes(claim.join("\n"))
      ? []
      : [
          {
            path: [...path, at, "path"],
            message: `the claim ${claim.join(".")} is not recorded, so this never holds; of a token of the preset ${name} these are: ${["sub", ...shown.map((one) => one.join("."))].join(", ")}`,
          },
        ],
  );
}

/** Two answers to one question: who is enough. */
const lateReminder = (path: Path, approval: Outline["routes"][string]["approval"]): readonly ConfigProblem[] =>
  (approval?.remindMinutes?.at(-1) ?? 0) >= (approval?.expiresMinutes ?? 1)
    ? [
        {
          path: [...path, "remindMinutes"],
          message: `fewer minutes than "expiresMinutes", after which nobody can decide`,
        },
      ]
    : [];

const twoQuorums = (path: Path, approval: Outline["routes"][string]["approval"]): readonly ConfigProblem[] =>
  approval?.of !== undefined && (approval.approvers > 1 || approval.fromRoles.length > 0)
    ? [{ path: [...path, "of"], message: '"of" says who is enough: leave out "approvers" and "fromRoles"' }]
    : [];

/** Only some kinds of targets can be asked what a commit or a page is now. */
function unfitVerifier(
  path: Path,
  name: string | undefined,
  { targets, outline }: { readonly targets: readonly string[]; readonly outline: Outline },
): readonly ConfigProblem[] {
  if (name === undefined) return [];
  const all = entriesOf(outline.targets);
  const target = all.find(([one]) => one === name)?.[1];
  const fits = (kind: string): boolean => actions.some((action) => action.name === kind && action.lookUp !== undefined);
  if (target === undefined ? targets.includes(name) : fits(target.kind)) return [];
  const fitting = all.filter(([, { kind }]) => fits(kind)).map(([one]) => one);
  const hint = suggestion(name, fitting);
  if (target === undefined) return [{ path, message: `there is no target "${name}"${hint}` }];
  const message = `the target "${name}" is of kind ${target.kind}, which cannot be asked what was approved; a GitLab or Confluence target can${hint}`;
  return [{ path, message }];
}

/** Only some targets say whether another person may edit a page. */
function unfitEditors(
  path: Path,
  approval: Outline["routes"][string]["approval"],
  { outline }: { readonly outline: Outline },
): readonly ConfigProblem[] {
  const parsed = v.safeParse(grantRules, approval?.grantedBy ?? []);
  const rules = parsed.success ? parsed.output : [];
  const paths = [
    ...(approval?.canEdit === undefined ? [] : [[...path, "canEdit"]]),
    ...rules.flatMap(({ when }, at) =>
      when.canEdit === undefined ? [] : [[...path, "grantedBy", at, "when", "canEdit"]],
    ),
  ];
  const why = paths.length === 0 ? undefined : whyNoEditors(approval?.verifyWith, outline);
  return why === undefined ? [] : paths.map((one) => ({ path: one, message: why }));
}

function whyNoEditors(name: string | undefined, { targets }: Outline): string | undefined {
  if (name === undefined) return 'it needs "verifyWith" with a target that can be asked who may edit the page';
  const target = entriesOf(targets).find(([one]) => one === name)?.[1];
  const action = actions.find((one) => one.name === target?.kind);
  // An unknown target, and one with invalid settings, is a problem of its own.
  if (target === undefined || action === undefined) return undefined;
  const { kind, ...settings } = target;
  if (!v.safeParse(action.target, settings).success) return undefined;
  const why =
    action.mayEdit === undefined ? `a target of kind ${kind} has no pages` : action.whyNoEditRights?.(settings);
  return why === undefined ? undefined : `the target "${name}" cannot be asked who may edit the page: ${why}`;
}

/** Returns a problem for each reference to a name that does not exist. */
function unresolved(
  references: readonly (readonly [Path, string])[],
  what: string,
  known: readonly string[],
): readonly ConfigProblem[] {
  return references
    .filter(([, name]) => !known.includes(name))
    .map(([path, name]) => ({ path, message: `there is no ${what} "${name}"${suggestion(name, known)}` }));
}

/** The route names under the verbs of roles. A name that ends with `*` may match routes that do not exist yet. */
const routesIn = (roles: Outline["roles"]): readonly (readonly [Path, string])[] =>
  (["fire", "replay", "approve", "promote"] as const)
    .flatMap((verb) => namesUnder(roles, verb, ["roles"]))
    .filter(([, route]) => !route.endsWith("*"));
