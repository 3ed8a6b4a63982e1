import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

const { metafile } = await build({
  absWorkingDir: fileURLToPath(new URL("../../..", import.meta.url)),
  entryPoints: ["functions/cli.ts"],
  outdir: "dist",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  packages: "external",
  write: false,
  metafile: true,
});

/** `jose/errors` is of `jose`. */
const packageOf = (path: string): string => /^(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? path;

/** The packages that one source file loads with everything that it imports statically. */
function packagesOf(source: string): readonly string[] {
  const found = new Set<string>();
  const seen = new Set<string>();
  const open = Object.entries(metafile.outputs).flatMap(([path, { entryPoint }]) =>
    entryPoint === source ? [path] : [],
  );
  expect(open, source).toHaveLength(1);
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    for (const one of metafile.outputs[path]?.imports ?? []) {
      if (one.kind !== "import-statement" || seen.has(one.path)) continue;
      seen.add(one.path);
      if (!one.external) open.push(one.path);
      else if (!one.path.startsWith("node:")) found.add(packageOf(one.path));
    }
  }
  return [...found].sort();
}

describe("the packages that the command line loads", () => {
  it("the command line loads no package for its version and its help", () => {
    expect(packagesOf("functions/cli.ts")).toEqual([]);
  });

  it.each([
    ["shared/cli/events.ts", ["valibot"]],
    ["shared/cli/check.ts", ["jose", "oauth4webapi", "re2js", "valibot", "yaml"]],
  ])(
    "the command line loads for %s only the packages it uses, and neither the AWS SDK nor the HTTP server",
    (source, packages) => {
      const loaded = packagesOf(source);
      expect(packages).toEqual(expect.arrayContaining([...loaded]));
      expect(loaded.filter((name) => /^@aws-sdk|hono/.test(name))).toEqual([]);
    },
  );
});
