import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { pid } from "node:process";
import { fileURLToPath } from "node:url";
import type { BuildOptions } from "esbuild";
import * as v from "valibot";

/** The functions, each named like its file in `functions/`. Each kind of action has its own, generated: `act-<kind>`. */
export type FunctionName = "receive" | "receive-partner" | "console" | "relay" | "sweep" | `act-${string}`;

export const PROJECT_ROOT = fileURLToPath(new URL("..", import.meta.url));

/** What esbuild bundles: a file, or a text that stands for one. */
export type BundleEntry = Pick<BuildOptions, "entryPoints" | "stdin">;

export const fileEntry = (path: string): BundleEntry => ({ entryPoints: [path] });

/**
 * Returns the entry of a function: its file, or, for a kind of action, a generated text. An action's folder exports it
 * under its name.
 */
export function entryOf(name: FunctionName): BundleEntry {
  const [, kind] = /^act-(.+)$/.exec(name) ?? [];
  if (kind === undefined) return fileEntry(`functions/${name}.ts`);
  const contents = `import { ${kind} } from "./shared/actions/${kind}/index.ts";
    import { actFunction } from "./functions/act-function.ts";
    export const handler = actFunction(${kind});`;
  return { stdin: { contents, resolveDir: PROJECT_ROOT, sourcefile: `${name}.ts`, loader: "ts" } };
}

/**
 * The SDK's ways to log in that a function never uses: Lambda gives it credentials in its environment. They are not
 * packaged, because code that they share with the clients would load at each start.
 */
const LOGINS = ["ini", "sso", "process", "web-identity", "login"];

/**
 * Options that bundle a function into a folder of ES modules, with `index.mjs` as the entry. The AWS clients and the
 * configuration are included. `module` fields come first: without them the clients are half as large again. What is
 * imported on demand (the readers of secrets) becomes a separate file and
 * costs no start-up time. CDK's `NodejsFunction` makes a single file instead.
 */
export const bundling = (entry: BundleEntry, outdir: string, configuration: unknown) =>
  ({
    ...entry,
    absWorkingDir: PROJECT_ROOT,
    entryNames: "index",
    outdir,
    bundle: true,
    splitting: true,
    format: "esm",
    outExtension: { ".js": ".mjs" },
    platform: "node",
    target: "node24",
    mainFields: ["module", "main"],
    external: LOGINS.map((name) => `@aws-sdk/credential-provider-${name}`),
    alias: {
      valibot: `${PROJECT_ROOT}infra/valibot-without-descriptions.mjs`,
      "#providers": registryOf("providers", providersIn(configuration)),
      "#verifying-actions": registryOf("actions", verifyingActionsIn(configuration)),
    },
    minify: true,
    // JSON as a text, in the one place that reads it. esbuild would turn an object into a module that every file imports.
    define: { DRAWBRIDGE_CONFIG: JSON.stringify(JSON.stringify(configuration)) },
    logLevel: "error",
  }) as const satisfies BuildOptions;

/**
 * Writes a registry with only these providers or actions, and returns its path: the code of the others is not packaged.
 * The synchronous build, which CDK needs, takes no plugins, so the registry is a file.
 */
function registryOf(registry: "providers" | "actions", used: ReadonlySet<string>): string {
  const shared = `${PROJECT_ROOT}shared/${registry}/`;
  const all = Array.from(
    readFileSync(`${shared}registry.ts`, "utf8").matchAll(/^import \{ (\w+) \} from "\.\/([\w-]+)\/index\.ts";$/gm),
    ([, exported = "", folder = ""]) => ({ exported, folder }),
  );
  const chosen = all.filter(({ folder }) => used.has(folder));
  const imports = chosen.map(
    ({ exported, folder }) => `import { ${exported} } from ${JSON.stringify(`${shared}${folder}/index.ts`)};\n`,
  );
  const folder = `${PROJECT_ROOT}node_modules/.cache/drawbridge/`;
  mkdirSync(folder, { recursive: true });
  const path = `${folder}${registry}-${chosen.map(({ folder }) => folder).join("-")}.ts`;
  // Another process may bundle at the same time.
  const draft = `${path}.${pid}`;
  writeFileSync(draft, `${imports.join("")}export const ${registry} = [${chosen.map(({ exported }) => exported)}];\n`);
  renameSync(draft, path);
  return path;
}

const providersIn = (configuration: unknown): ReadonlySet<string> =>
  new Set(Object.values(v.parse(sourcesPart, configuration).sources).map(({ provider }) => provider));

const sourcesPart = v.object({ sources: v.optional(v.record(v.string(), v.object({ provider: v.string() })), {}) });

/**
 * The kinds of the targets that routes name under `approval.verifyWith`, and of those that are asked who is in a group: the
 * providers of their sources have the same names.
 */
function verifyingActionsIn(configuration: unknown): ReadonlySet<string> {
  const { sources, routes, targets } = v.parse(verifiedPart, configuration);
  return new Set([
    ...Object.values(routes).flatMap(({ approval }) => targets[approval?.verifyWith ?? ""]?.kind ?? []),
    ...Object.values(sources).flatMap(({ provider, people }) => (people["from"] === "groups" ? [provider] : [])),
  ]);
}

const verifiedPart = v.object({
  sources: v.optional(
    v.record(v.string(), v.object({ provider: v.string(), people: v.optional(v.record(v.string(), v.unknown()), {}) })),
    {},
  ),
  routes: v.optional(
    v.record(v.string(), v.object({ approval: v.optional(v.object({ verifyWith: v.optional(v.string()) })) })),
    {},
  ),
  targets: v.optional(v.record(v.string(), v.object({ kind: v.string() })), {}),
});
