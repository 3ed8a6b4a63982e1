import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { build, type Metafile } from "esbuild";
import { describe, expect, it } from "vitest";
import { bundle } from "../../infra/bundle.ts";
import { bundling, entryOf } from "../../infra/bundling.ts";
import { sha256Hex } from "../../shared/model/idempotency-keys.ts";
import { providers } from "../../shared/providers/registry.ts";

/** The providers whose code is in the bundle of `receive` for sources of these providers. */
async function bundledFor(used: readonly string[]): Promise<readonly string[]> {
  const sources = Object.fromEntries(used.map((provider, at) => [`source-${at}`, { provider }]));
  const options = bundling(entryOf("receive"), "dist/unwritten", { sources });
  const { metafile } = await build({ ...options, write: false, metafile: true });
  const paths = Object.keys(metafile.inputs);
  return providers.flatMap(({ name }) => (paths.includes(`shared/providers/${name}/index.ts`) ? [name] : []));
}

describe("the bundle of a function", () => {
  it("loads two files at its start, and is the same in every folder", async () => {
    const folders = await Promise.all([1, 2].map(() => mkdtemp(join(tmpdir(), "drawbridge-bundles-"))));
    try {
      const [first, second] = folders.map((folder) => {
        const { files } = bundle(entryOf("relay"), folder, { sources: {} });
        expect(startOf(files)).toHaveLength(2);
        const names = Object.keys(files.outputs).map((path) => basename(path));
        return Object.fromEntries(names.map((name) => [name, sha256Hex(readFileSync(join(folder, name)))]));
      });
      expect(second).toEqual(first);
    } finally {
      for (const folder of folders) await rm(folder, { recursive: true });
    }
  });

  it("contains every provider of the configured sources, and no other", async () => {
    const all = providers.map(({ name }) => name);
    expect(await bundledFor(all)).toEqual(all);
    for (const name of all) expect(await bundledFor([name, name])).toEqual([name]);
  });
});

/** The files that the entry imports at once, directly or indirectly, and itself. */
function startOf({ outputs }: Metafile): readonly string[] {
  const started = new Set(Object.keys(outputs).filter((path) => basename(path) === "index.mjs"));
  for (const path of started) {
    for (const { path: next, kind, external } of outputs[path]?.imports ?? []) {
      if (kind === "import-statement" && !external) started.add(next);
    }
  }
  return [...started];
}
