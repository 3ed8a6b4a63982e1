import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { transformSync } from "esbuild";
import { PROJECT_ROOT } from "../bundling.ts";

/** What can be added to the project: a folder, and a line in a registry. */
export const KINDS = ["provider", "action"] as const;
export type Kind = (typeof KINDS)[number];

export const folderOf = (kind: Kind, name: string): string => `shared/${kind}s/${name}`;
export const registryOf = (kind: Kind): string => `shared/${kind}s/registry.ts`;

/**
 * Returns the texts of a new folder and its registry by path, made of the folder `infra/new/<kind>/`, which works as it
 * is. Throws an error with one line if there can be no such folder.
 */
export function scaffold(kind: Kind, name: string): ReadonlyMap<string, string> {
  const folder = folderOf(kind, name);
  if (!NAME.test(name))
    throw new Error(`"${name}" is not a name: 2 to 20 lower-case letters and digits, a letter first`);
  if (existsSync(join(PROJECT_ROOT, folder))) throw new Error(`${folder} is there already`);
  const template = join(PROJECT_ROOT, "infra/new", kind);
  const files = readdirSync(template, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map(({ parentPath, name: file }) => join(parentPath, file));
  const texts = new Map(paths.map((path) => [path.slice(template.length), readFileSync(path, "utf8")]));
  const registry = readFileSync(join(PROJECT_ROOT, registryOf(kind)), "utf8");
  const code = [registry, ...[...texts].flatMap(([path, text]) => (path.endsWith(".ts") ? [text] : []))];
  if (isUsed(name, code))
    throw new Error(`"${name}" is a word of TypeScript or of the code in the folder; use another`);
  const written = [...texts].map(([path, text]): [string, string] => [join(folder, path), renamed(name, text, kind)]);
  return new Map([...written, [registryOf(kind), withLine(kind, name, registry)]]);
}

/** It is the name of a folder, of an export and of functions in AWS. */
const NAME = /^[a-z][a-z0-9]{1,19}$/;

/** The name that the templates have. */
const TEMPLATE_NAME = "acme";

/** Whether an export with this name would be invalid, or would have the name of something else in one of the files. */
function isUsed(name: string, code: readonly string[]): boolean {
  const words = code.flatMap(
    (text) => text.replace(/^\s*(\/\*\*?|\*|\/\/).*$|"[^"\n]*"/gm, "").match(/[a-z]\w*/gi) ?? [],
  );
  if (name !== TEMPLATE_NAME && words.includes(name)) return true;
  try {
    transformSync(`export const ${name} = 0;`, { format: "esm", logLevel: "silent" });
    // A look-up by name must not find a member that every object has.
    return name === "undefined" || name in Object.prototype;
  } catch {
    return true;
  }
}

/** The text of a template's file for a name. */
const renamed = (name: string, text: string, kind: Kind): string =>
  text
    .replaceAll(`"../../../shared/${kind}s/`, '"../')
    .replaceAll('"../../../shared/', '"../../')
    .replaceAll(TEMPLATE_NAME, name)
    .replaceAll(TEMPLATE_NAME.toUpperCase(), name.toUpperCase())
    .replaceAll(capitalized(TEMPLATE_NAME), capitalized(name));

const capitalized = (name: string): string => name.slice(0, 1).toUpperCase() + name.slice(1);

/** A registry with an import and an element for the name. The formatter puts the import into its place. */
function withLine(kind: Kind, name: string, registry: string): string {
  const list = new RegExp(`(export const ${kind}s: .* = \\[)([^\\]]*)\\]`);
  const [, start, elements = ""] = list.exec(registry) ?? [];
  if (start === undefined) throw new Error(`${registryOf(kind)} has no list of ${kind}s`);
  const sorted = [...elements.split(",").map((one) => one.trim()), name].filter((one) => one !== "").sort();
  return `import { ${name} } from "./${name}/index.ts";\n${registry.replace(list, `${start}${sorted.join(", ")}]`)}`;
}

const MARK = "FILL IN";

/** The lines below a folder that are to be filled in, each with its file and number. */
export function linesToFillIn(folder: string): readonly string[] {
  const files = readdirSync(join(PROJECT_ROOT, folder), { recursive: true, encoding: "utf8" }).filter((path) =>
    /\.(ts|md)$/.test(path),
  );
  return files.sort().flatMap((file) => {
    const path = join(folder, file);
    const lines = readFileSync(join(PROJECT_ROOT, path), "utf8").split("\n");
    return lines.flatMap((line, at) =>
      line.includes(MARK) ? [`${path}:${at + 1} ${line.replace(/^\s*(\/\/ )?/, "")}`] : [],
    );
  });
}
