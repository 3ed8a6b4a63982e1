import * as v from "valibot";
import { actions } from "../actions/registry.ts";
import { providers } from "../providers/registry.ts";
import { matches } from "../routes/matches.ts";
import { compilePattern } from "../routes/pattern.ts";
import { type ConfigProblem, explain } from "./explain.ts";
import type { Config, ConfiguredRoute, ConfiguredSource, ConfiguredTarget, Outline } from "./schema.ts";
import { suggestion } from "./suggest.ts";
import type { Path } from "./yaml-file.ts";

export interface Assembly {
  /** Absent when the outline itself does not hold. */
  readonly config?: Config;
  readonly problems: readonly ConfigProblem[];
}

/** Gives each part to the provider or action it belongs to, and follows every name. */
export function assemble(outline: Outline): Assembly {
  const problems: ConfigProblem[] = [];
  const tell = (path: Path, message: string): void => void problems.push({ path, message });
  const config: Config = {
    issuers: outline.issuers,
    sources: entriesOf(outline.sources).map(([name, part]) => source(name, part, problems)),
    targets: entriesOf(outline.targets).map(([name, part]) => target(name, part, problems)),
    routes: entriesOf(outline.routes).flatMap(([name, part]) => route(name, part, outline, problems)),
    limits: outline.limits,
  };
  for (const [path, name] of namesUnder(outline.sources, "trust", ["sources"])) {
    if (!(name in outline.issuers))
      tell(path, `there is no issuer "${name}"${suggestion(name, Object.keys(outline.issuers))}`);
  }
  for (const [path, name] of namesUnder(outline.targets, "runsReportedBy", ["targets"])) {
    if (!(name in outline.sources))
      tell(path, `there is no source "${name}"${suggestion(name, Object.keys(outline.sources))}`);
  }
  return { config, problems };
}

const entriesOf = <T>(record: Readonly<Record<string, T>>): readonly [string, T][] => Object.entries(record);

function source(name: string, part: Outline["sources"][string], problems: ConfigProblem[]): ConfiguredSource {
  const { provider: kind, ...settings } = part;
  const provider = providers.find((one) => one.name === kind);
  const path = ["sources", name];
  if (provider) fits(provider.settings, settings, path, problems);
  else problems.push(unknown([...path, "provider"], "provider", kind, providers));
  return { name, provider: kind, settings };
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
  { when, do: does }: Outline["routes"][string],
  { targets }: Outline,
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
  const found = targets[targetName];
  if (action && found?.kind !== kind) problems.push(wrongTarget([...at, "target"], kind, targetName, targets));
  const compiled = compilePattern(when);
  if (compiled.ok) {
    const { pattern } = compiled;
    return [
      { name, when, pattern, matches: (entry) => matches(pattern, entry), action: kind, target: targetName, options },
    ];
  }
  for (const problem of compiled.problems)
    problems.push({ path: [...path, "when", ...problem.path], message: problem.message });
  return [];
}

function fits(schema: v.GenericSchema, value: unknown, path: Path, problems: ConfigProblem[]): void {
  const read = v.safeParse(schema, value);
  if (!read.success) problems.push(...explain(read.issues, schema, path));
}

function unknown(path: Path, what: string, name: string, all: readonly { readonly name: string }[]): ConfigProblem {
  return {
    path,
    message: `there is no ${what} "${name}"${suggestion(
      name,
      all.map((one) => one.name),
    )}`,
  };
}

function wrongTarget(path: Path, kind: string, name: string, targets: Outline["targets"]): ConfigProblem {
  const fitting = entriesOf(targets).filter(([, one]) => one.kind === kind);
  const other = targets[name];
  const what =
    other === undefined ? `there is no target "${name}"` : `the target "${name}" is of kind ${other.kind}, not ${kind}`;
  return {
    path,
    message: `${what}${suggestion(
      name,
      fitting.map(([one]) => one),
    )}`,
  };
}

/** Texts, or lists of them, under a key anywhere below `value`: the places where a part names another. */
function namesUnder(value: unknown, key: string, path: Path): readonly (readonly [Path, string])[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([member, below]) => {
    const here = [...path, member];
    if (member !== key) return namesUnder(below, key, here);
    const names: readonly unknown[] = Array.isArray(below) ? below : [below];
    return names.filter((name) => typeof name === "string").map((name) => [here, name] as const);
  });
}
