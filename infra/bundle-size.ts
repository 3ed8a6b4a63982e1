import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { build, type Metafile } from "esbuild";
import { bundle } from "./bundle.ts";
import { type BundleEntry, bundling } from "./bundling.ts";

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

/** Bundles an entry point into `folder` as the stack does, and returns its sizes. */
export async function measureBundle(entry: BundleEntry, folder: string, configuration: unknown): Promise<BundleSize> {
  const { sources, files } = bundle(entry, folder, configuration);
  const started = startedBy("index.mjs", byName(files));
  const owners = ownersOf(startedBy("index.mjs", byName(sources)), byName(sources));
  return sizeOf(folder, { started, owners, outputs: byName(files) });
}

/** The same for one file with everything in it, also what is imported on demand. */
export async function measureOneFile(entry: BundleEntry, folder: string, configuration: unknown): Promise<BundleSize> {
  const options = bundling(entry, folder, configuration);
  const { metafile } = await build({ ...options, splitting: false, external: [], metafile: true });
  const outputs = byName(metafile);
  const started = startedBy("index.mjs", outputs);
  return sizeOf(folder, { started, owners: ownersOf(started, outputs), outputs });
}

interface Measured extends Pick<BundleSize, "owners"> {
  readonly started: ReadonlySet<string>;
  readonly outputs: Outputs;
}

async function sizeOf(folder: string, { started, owners, outputs }: Measured): Promise<BundleSize> {
  const files = await Promise.all([...started].map((name) => readFile(join(folder, name))));
  const bytes = sum(files.map((file) => file.length));
  return {
    index: join(folder, "index.mjs"),
    bytes,
    gzipBytes: sum(files.map((file) => gzipSync(file).length)),
    owners,
    laterBytes: sum(Object.values(outputs).map((output) => output.bytes)) - bytes,
  };
}

/** The outputs by the names of their files. All are in one folder. */
const byName = ({ outputs }: Metafile): Outputs =>
  Object.fromEntries(
    Object.entries(outputs).map(([path, output]) => [
      basename(path),
      { ...output, imports: output.imports.map((one) => ({ ...one, path: basename(one.path) })) },
    ]),
  );

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
