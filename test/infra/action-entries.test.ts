import { build } from "esbuild";
import { describe, expect, it } from "vitest";
import { bundling, entryOf } from "../../infra/bundling.ts";
import { actions } from "../../shared/actions/registry.ts";

describe.each(actions)("the function of $name actions", ({ name }) => {
  it("the function is generated from the action's folder, and contains no other action", async () => {
    const options = bundling(entryOf(`act-${name}`), "dist/unwritten", {});
    const { metafile } = await build({ ...options, write: false, metafile: true });
    const folders = Object.keys(metafile.inputs).flatMap((path) => /^shared\/actions\/([^/]+)\//.exec(path)?.[1] ?? []);
    expect([...new Set(folders)]).toEqual([name]);
    const entry = Object.entries(metafile.outputs).find(([path]) => path.endsWith("/index.mjs"));
    expect(entry?.[1].exports).toEqual(["handler"]);
  });
});
