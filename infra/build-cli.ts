import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { build, type Plugin } from "esbuild";
import { PROJECT_ROOT } from "./bundling.ts";

/**
 * Bundles the command line into `outDir`, and gives the path of its entry. `outDir` is below the project, so that Node
 * finds the packages that stay outside. Each file is replaced in one step, the entry last, and files of an earlier build
 * stay: a process that runs from `outDir` goes on.
 */
export async function buildCli(outDir: string): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: PROJECT_ROOT,
    entryPoints: { drawbridge: "functions/cli.ts" },
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
    plugins: [sourceUrls(outDir)],
    logLevel: "error",
    write: false,
  });
  const entry = join(outDir, "drawbridge.mjs");
  await mkdir(outDir, { recursive: true });
  for (const { path, contents } of outputFiles.toSorted(
    (a, b) => Number(a.path === entry) - Number(b.path === entry),
  )) {
    await replaceFile(path, contents);
  }
  await chmod(entry, 0o755);
  return entry;
}

/** They load files of their own at run time: compiled code, or modules by a computed name. */
const OUTSIDE = ["abstract-level", "classic-level", "dynalite", "oidc-provider"];

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
