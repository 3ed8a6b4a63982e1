import { EVENT_TYPES } from "../delivery/event.ts";
import type { Secrets } from "../host/secrets.ts";
import type { Scalar } from "../routes/operators.ts";
import type { Pattern } from "../routes/pattern.ts";
import type { ConfigProblem } from "./explain.ts";
import { type ConfigFinding, findingOf, readConfig } from "./load.ts";
import type { Config } from "./schema.ts";
import type { Path } from "./yaml-file.ts";

/** `drawbridge check`: all that is wrong with a configuration; if nothing is, all that is unsafe or useless in it. */
export async function checkConfig(path: string, secrets: Secrets): Promise<readonly ConfigFinding[]> {
  const loaded = await readConfig(path);
  if (!loaded.ok) return loaded.findings;
  const { config, file } = loaded;
  const errors = [...unpinned(config), ...(await unresolved(config, secrets))];
  const warnings = [...unreachable(config), ...unused(config)];
  const at = { path, file };
  return [
    ...errors.map((problem) => findingOf("error", problem, at)),
    ...warnings.map((problem) => findingOf("warning", problem, at)),
  ];
}

/** Issuers that sign for every customer with one key set: such a token says nothing of whose it is. */
const SHARED_ISSUERS: ReadonlySet<string> = new Set([
  "https://gitlab.com",
  "https://agent.buildkite.com",
  "https://token.actions.githubusercontent.com",
  "https://accounts.google.com",
]);

function unpinned({ issuers }: Config): readonly ConfigProblem[] {
  return Object.entries(issuers)
    .filter(([, { issuer, claims }]) => SHARED_ISSUERS.has(issuer) && claims.length === 0)
    .map(([name, { issuer }]) => ({
      path: ["issuers", name],
      message: `${issuer} signs for all its customers; pin yours with "claims", by an id that does not change`,
    }));
}

async function unresolved({ sources, targets }: Config, secrets: Secrets): Promise<readonly ConfigProblem[]> {
  const parts = [
    ...sources.map(({ name, settings }) => refsIn(settings, ["sources", name])),
    ...targets.map(({ name, settings }) => refsIn(settings, ["targets", name])),
  ];
  const problems = await Promise.all(
    parts.flat().map(([path, ref]) =>
      secrets.read(ref).then(
        () => [],
        (fault: Error) => [{ path, message: fault.message }],
      ),
    ),
  );
  return problems.flat();
}

/** Texts that are references to secrets. No other setting begins like one. */
function refsIn(value: unknown, path: Path): readonly (readonly [Path, string])[] {
  if (typeof value === "string") return /^(env|file|secretsmanager|ssm):/.test(value) ? [[path, value]] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([member, below]) => refsIn(below, [...path, member]));
}

function unreachable({ routes, sources }: Config): readonly ConfigProblem[] {
  const published = [...new Set(sources.map(({ provider }) => `drawbridge.${provider}`))];
  return routes
    .filter(({ pattern }) => !(allows(pattern, "source", published) && allows(pattern, "detail-type", EVENT_TYPES)))
    .map(({ name, pattern }) => {
      const ofTypes = allows(pattern, "detail-type", EVENT_TYPES);
      const known = ofTypes ? `the sources here publish as ${published.join(", ")}` : "docs/events.md lists the types";
      return { path: ["routes", name, "when"], message: `nothing that is published can match; ${known}` };
    });
}

function unused({ routes, sources }: Config): readonly ConfigProblem[] {
  return sources
    .filter(({ provider }) => !routes.some(({ pattern }) => allows(pattern, "source", [`drawbridge.${provider}`])))
    .map(({ name }) => ({ path: ["sources", name], message: "its events are recorded, and no route acts on them" }));
}

/** Whether some of `values` in a field can satisfy a pattern, whatever the other fields hold. */
function allows({ combinations }: Pattern, field: string, values: readonly Scalar[]): boolean {
  return combinations.some((fields) =>
    fields
      .filter(({ name }) => name === field)
      .every(({ tests }) => values.some((value) => tests.some((test) => test(value)))),
  );
}
