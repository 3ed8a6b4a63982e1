import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { buildSync, type Metafile } from "esbuild";
import { type BundleEntry, bundling } from "./bundling.ts";

/** What a bundle consists of. */
export interface Bundled {
  /** The source files, and which of them are loaded at the start. */
  readonly sources: Metafile;
  /** The files of the bundle. */
  readonly files: Metafile;
}

/**
 * Bundles a function into `outdir`, with `index.mjs` as the entry. All that is loaded at the start is one file beside it:
 * esbuild alone makes a file for each set of modules that the same on-demand imports share, and a start that opens twenty
 * small files takes a tenth longer. In a first pass each file that is imported on demand gets an import of the entry, which
 * is loaded already when it runs. In the second pass all of them share all of the start.
 */
export function bundle(entry: BundleEntry, outdir: string, configuration: unknown): Bundled {
  const parts = mkdtempSync(join(tmpdir(), "drawbridge-bundle-"));
  try {
    const options = bundling(entry, parts, configuration);
    const { metafile: sources } = buildSync({ ...options, metafile: true });
    for (const path of onDemand(sources)) {
      const file = join(parts, basename(path));
      writeFileSync(file, `import "./index.mjs";\n${readFileSync(file, "utf8")}`);
    }
    const { entryNames, bundle, splitting, format, outExtension, platform, target, external, minify, logLevel } =
      options;
    // Relative paths are the same in every folder, and so are the names of the files and the hash of the bundle.
    const again = {
      absWorkingDir: parts,
      entryNames,
      bundle,
      splitting,
      format,
      outExtension,
      platform,
      target,
      external,
      minify,
      logLevel,
    };
    const { metafile: files } = buildSync({ ...again, entryPoints: ["index.mjs"], outdir, metafile: true });
    return { sources, files };
  } finally {
    rmSync(parts, { recursive: true });
  }
}

/** The outputs that others import on demand. */
const onDemand = ({ outputs }: Metafile): ReadonlySet<string> =>
  new Set(
    Object.values(outputs).flatMap(({ imports }) =>
      imports.filter(({ kind, external }) => kind === "dynamic-import" && external !== true).map(({ path }) => path),
    ),
  );
