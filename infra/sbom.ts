import { spawnSync } from "node:child_process";
import { argv, stdout } from "node:process";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import manifest from "../package.json" with { type: "json" };
import { runtimePackages } from "./runtime-packages.ts";

/** A bill of materials as far as it is changed: https://cyclonedx.org/docs/1.5/json/. */
const bill = v.looseObject({
  metadata: v.looseObject({ component: v.looseObject({ name: v.string() }) }),
  components: v.array(v.looseObject({ "bom-ref": v.string(), name: v.string(), version: v.string() })),
  dependencies: v.array(v.looseObject({ ref: v.string(), dependsOn: v.optional(v.array(v.string()), []) })),
});
type Bill = v.InferOutput<typeof bill>;

/**
 * The bill of the whole lockfile without what only development needs. `--omit dev` of npm is not used: it also omits
 * runtime packages that a development package depends on.
 */
export function withoutDevelopment({ components, dependencies, ...rest }: Bill): Bill {
  const runtime = new Set(runtimePackages().map(({ name, version }) => `${name}@${version}`));
  const kept = components.filter(({ name, version }) => runtime.has(`${name}@${version}`));
  const all = new Set(components.map((component) => component["bom-ref"]));
  const refs = new Set(kept.map((component) => component["bom-ref"]));
  // The project itself is in no list of components.
  const isKept = (ref: string): boolean => refs.has(ref) || !all.has(ref);
  return {
    ...rest,
    components: kept,
    dependencies: dependencies
      .filter(({ ref }) => isKept(ref))
      .map((one) => ({ ...one, dependsOn: one.dependsOn.filter(isKept) })),
  };
}

/** The bill of npm, from the lockfile alone. npm names the project after its folder. Throws if npm fails. */
export function npmBill(): Bill {
  const options = ["sbom", "--package-lock-only", "--sbom-format", "cyclonedx", "--sbom-type", "application"];
  const { stdout: output } = spawnSync("npm", options, { encoding: "utf8", maxBuffer: 64_000_000 });
  const { metadata, ...rest } = v.parse(v.pipe(v.string(), v.parseJson(), bill), output);
  return { ...rest, metadata: { ...metadata, component: { ...metadata.component, name: manifest.name } } };
}

/** `npm run sbom`. */
if (argv[1] === fileURLToPath(import.meta.url)) {
  stdout.write(`${JSON.stringify(withoutDevelopment(npmBill()), undefined, 2)}\n`);
}
