import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { build, type Plugin } from "esbuild";
import { PROJECT_ROOT } from "./bundling.ts";

/** Bundles the command line into `outDir`, and gives the path of its entry. */
export async function buildCli(outDir: string): Promise<string> {
  const { drawbridge } = await buildPrograms(outDir, { drawbridge: "functions/cli.ts" });
  return drawbridge;
}

/**
 * Bundles programs into `outDir`, and gives the path of each by its name. `outDir` is below the project, so that Node
 * finds the packages that stay outside. Each file is replaced in one step, the entries last, and files of an earlier build
 * stay: a process that runs from `outDir` goes on. `plugins` run before those of every bundle.
 */
export async function buildPrograms<Name extends string>(
  outDir: string,
  entryPoints: Readonly<Record<Name, string>>,
  plugins: readonly Plugin[] = [],
): Promise<Record<Name, string>> {
  const { outputFiles } = await build({
    absWorkingDir: PROJECT_ROOT,
    entryPoints: { ...entryPoints },
    outdir: outDir,
    bundle: true,
    splitting: true,
    format: "esm",
    outExtension: { ".js": ".mjs" },
    platform: "node",
    target: "node20",
    mainFields: ["module", "main"],
    external: OUTSIDE,
    // A CommonJS package calls `require`, which an ES module does not have.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    plugins: [...plugins, sourceUrls(outDir)],
    logLevel: "error",
    write: false,
  });
  const entries = Object.keys(entryPoints).map((name) => [name, join(outDir, `${name}.mjs`)] as const);
  const isEntry = (path: string): boolean => entries.some(([, entry]) => entry === path);
  await mkdir(outDir, { recursive: true });
  for (const { path, contents } of outputFiles.toSorted((a, b) => Number(isEntry(a.path)) - Number(isEntry(b.path)))) {
    await replaceFile(path, contents);
  }
  for (const [, entry] of entries) await chmod(entry, 0o755);
  // The names are those of the entry points.
  return Object.fromEntries(entries) as Record<Name, string>;
}

/** They load files of their own at run time, compiled code or modules by a computed name, or need not be installed. */
const OUTSIDE = ["@photostructure/sqlite", "oidc-provider", "@modelcontextprotocol/server"];

/** A module finds the files beside its source by `import.meta.url`; in the bundle that is still the source's address. */
const sourceUrls = (outDir: string): Plugin => ({
  name: "source-urls",
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      const fromBundle = JSON.stringify(relative(outDir, path));
      const url = `new URL(${fromBundle}, import.meta.url).href`;
      return { loader: "ts", contents: source.replaceAll("import.meta.url", url), resolveDir: dirname(path) };
    });
  },
});

async function replaceFile(path: string, contents: Uint8Array): Promise<void> {
  const written = `${path}.${process.pid}`;
  await writeFile(written, contents);
  await rename(written, path);
}
