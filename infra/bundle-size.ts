import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import { type BuildOptions, build, type Metafile } from "esbuild";
import { type BundleEntry, bundling, PROJECT_ROOT } from "./bundling.ts";

export interface BundleSize {
  /** The file that Lambda imports. */
  readonly index: string;
  /** Size of that file and of everything it imports at its start. */
  readonly bytes: number;
  readonly gzipBytes: number;
  /** The same by package, and the project's own code by folder. Largest first. */
  readonly owners: readonly (readonly [owner: string, bytes: number])[];
  /** Size of what is imported later, on demand. */
  readonly laterBytes: number;
}

/** Bundles an entry point into `folder` as the stack does, with `changes` to the options, and returns its sizes. */
export async function measureBundle(
  entry: BundleEntry,
  folder: string,
  configuration: unknown,
  changes: Pick<BuildOptions, "splitting" | "external"> = {},
): Promise<BundleSize> {
  const { metafile } = await build({ ...bundling(entry, folder, configuration), ...changes, metafile: true });
  const { outputs } = metafile;
  const index = join(folder, "index.mjs");
  const started = startedBy(relative(PROJECT_ROOT, index), outputs);
  const files = await Promise.all([...started].map((path) => readFile(join(PROJECT_ROOT, path))));
  const bytes = sum(files.map((file) => file.length));
  return {
    index,
    bytes,
    gzipBytes: sum(files.map((file) => gzipSync(file).length)),
    owners: ownersOf(started, outputs),
    laterBytes: sum(Object.values(outputs).map((output) => output.bytes)) - bytes,
  };
}

type Outputs = Metafile["outputs"];

/** An output and everything that it imports statically, directly or indirectly. */
function startedBy(path: string, outputs: Outputs, found = new Set<string>()): ReadonlySet<string> {
  if (found.has(path)) return found;
  found.add(path);
  for (const { path: next, kind, external } of outputs[path]?.imports ?? []) {
    if (kind === "import-statement" && external !== true) startedBy(next, outputs, found);
  }
  return found;
}

function ownersOf(paths: ReadonlySet<string>, outputs: Outputs): BundleSize["owners"] {
  const owners = new Map<string, number>();
  for (const path of paths) {
    for (const [input, { bytesInOutput }] of Object.entries(outputs[path]?.inputs ?? {})) {
      const [, inPackage] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input) ?? [];
      const owner = inPackage ?? input.split("/").slice(0, 2).join("/");
      owners.set(owner, (owners.get(owner) ?? 0) + bytesInOutput);
    }
  }
  return [...owners].sort(([, a], [, b]) => b - a);
}

const sum = (all: readonly number[]): number => all.reduce((total, one) => total + one, 0);
