import { build } from "esbuild";
import { describe, expect, it } from "vitest";
import { bundling, entryOf } from "../../infra/bundling.ts";
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
  it("contains every provider of the configured sources, and no other", async () => {
    const all = providers.map(({ name }) => name);
    expect(await bundledFor(all)).toEqual(all);
    for (const name of all) expect(await bundledFor([name, name])).toEqual([name]);
  });
});
