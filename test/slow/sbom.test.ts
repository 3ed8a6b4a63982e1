import { describe, expect, it } from "vitest";
import { runtimePackages } from "../../infra/runtime-packages.ts";
import { npmBill, withoutDevelopment } from "../../infra/sbom.ts";
import manifest from "../../package.json" with { type: "json" };

describe("npm run sbom", () => {
  it("the bill of materials has every runtime package with its digest, and no other", () => {
    const { metadata, components, dependencies } = withoutDevelopment(npmBill());
    expect(metadata.component.name).toBe(manifest.name);
    const refs = components.map((component) => component["bom-ref"]);
    const locked = runtimePackages().map(({ name, version }) => `${name}@${version}`);
    expect([...refs].sort()).toEqual([...new Set(locked)].sort());
    expect(components.filter(({ hashes }) => !Array.isArray(hashes) || hashes.length === 0)).toEqual([]);
    const root = dependencies.find(({ ref }) => !refs.includes(ref));
    expect(root?.dependsOn.map((ref) => ref.replace(/(?<=.)@.*/, "")).sort()).toEqual(
      Object.keys(manifest.dependencies).sort(),
    );
  });
});
