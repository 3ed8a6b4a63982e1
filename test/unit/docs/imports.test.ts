import { readdirSync } from "node:fs";
import { posix } from "node:path";
import { describe, expect, it } from "vitest";
import manifest from "../../../package.json" with { type: "json" };
import { actions } from "../../../shared/actions/registry.ts";
import { providers } from "../../../shared/providers/registry.ts";
import { codeIn, readText, rowsOf, sectionOf } from "../../support/documents.ts";

/** Each test below is a rule of this document, in its words; a test fails when an import breaks one. */
const RULES = sectionOf(readText("docs/architecture.md"), "Which module may import which");

interface SourceFile {
  readonly path: string;
  /** Without comments. */
  readonly code: string;
  /** Paths from the root for files of the project, names for packages. */
  readonly imports: readonly string[];
}

const FILES: readonly SourceFile[] = ["shared", "functions"].flatMap((folder) =>
  readdirSync(new URL(`../../../${folder}`, import.meta.url), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => sourceFile(`${folder}/${path}`)),
);

function sourceFile(path: string): SourceFile {
  const code = readText(path).replace(/^\s*(\/\*\*?|\*|\/\/).*$/gm, "");
  const imports = Array.from(code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"/g), ([, name = ""]) => name);
  return { path, code, imports: imports.map((name) => resolved(path, name)) };
}

function resolved(path: string, name: string): string {
  if (name.startsWith("#")) return posix.normalize(new Map(Object.entries(manifest.imports)).get(name) ?? name);
  return name.startsWith(".") ? posix.join(posix.dirname(path), name) : name;
}

const inside = (folder: string) => FILES.filter(({ path }) => path.startsWith(folder));
const isPackage = (name: string): boolean => !/^(node:|shared\/|functions\/|test\/)/.test(name);
const folderOf = (path: string): string => path.split("/")[1] ?? "";

/** Each import of `files` that `isWrong`, as one line. */
const wrongImports = (files: readonly SourceFile[], isWrong: (name: string, path: string) => boolean) =>
  files.flatMap(({ path, imports }) =>
    imports.filter((name) => isWrong(name, path)).map((name) => `${path} imports ${name}`),
  );

/** Files outside of `allowed` whose code has `what` in it. */
const wrongCode = (what: RegExp, allowed: readonly string[]) =>
  FILES.filter(({ path, code }) => what.test(code) && !allowed.some((part) => path.startsWith(part))).map(
    ({ path }) => path,
  );

/** A rule of the document, in its words. */
function rule(words: string, broken: () => readonly string[]): void {
  it(words, () => {
    expect(RULES.replace(/\s+/g, " "), "the document has this rule").toContain(words);
    expect(broken()).toEqual([]);
  });
}

const architecture = readText("docs/architecture.md");

/** The groups of folders, the base first, as the table of layers lists them. */
const GROUPS: readonly (readonly string[])[] = rowsOf(sectionOf(architecture, "The layers")).map(([, folders = ""]) =>
  codeIn(folders).map((folder) => folder.replace("/", "")),
);
const groupOf = (folder: string): number => GROUPS.findIndex((group) => group.includes(folder));

describe("the table of folders", () => {
  it("has a row for every folder, and for no other", () => {
    const rows = rowsOf(sectionOf(architecture, "What each folder holds")).map(([cell = ""]) => cell);
    const folders = (path: string) =>
      readdirSync(new URL(`../../../${path}`, import.meta.url), { withFileTypes: true }).filter((one) =>
        one.isDirectory(),
      );
    const ours = folders("shared").map(({ name }) => `\`shared/${name}/\``);
    expect(rows.filter((cell) => cell.startsWith("`shared/")).sort()).toEqual(ours.sort());
    expect(rows.filter((cell) => !cell.startsWith("`shared/"))).toEqual(
      ["functions", "infra", "docs", "test"].map((name) => `\`${name}/\``),
    );
  });
});

describe("the table of layers", () => {
  it("names every folder of shared/ once, over a base that imports nothing", () => {
    expect(GROUPS.flat().sort()).toEqual([...new Set(inside("shared/").map(({ path }) => folderOf(path)))].sort());
    expect(GROUPS[0]).toEqual(["host"]);
    expect(GROUPS).toHaveLength(6);
  });
});

describe("the rules of imports", () => {
  rule("A folder of `shared/` imports from its own group and from the groups above it in the table.", () =>
    wrongImports(
      inside("shared/"),
      (name, path) => name.startsWith("shared/") && groupOf(folderOf(name)) > groupOf(folderOf(path)),
    ),
  );

  rule("No two folders of `shared/` import each other, directly or through other folders.", () => {
    const imported = new Map(GROUPS.flat().map((folder) => [folder, foldersImportedBy(folder)]));
    return [...imported.keys()].filter((folder) => reachable(folder, imported).has(folder));
  });

  rule("Nothing in `shared/` imports from `functions/` or `test/`.", () =>
    wrongImports(inside("shared/"), (name) => /^(functions|test)\//.test(name)),
  );

  rule("In `functions/`, `playground.ts` alone imports from `test/`, for its sandboxes.", () =>
    wrongImports(inside("functions/"), (name, path) => name.startsWith("test/") && path !== "functions/playground.ts"),
  );

  rule("No file of `shared/` imports itself through other files.", () => inside("shared/").flatMap(cycleFrom));

  rule("`delivery/` imports no package: no SDK, no hono.", () => wrongImports(inside("shared/delivery/"), isPackage));

  rule("`delivery/` names no provider and no action.", () => {
    const names = [...providers, ...actions].map(({ name }) => name).join("|");
    const quoted = new RegExp(`"[^"\\n]*\\b(?:${names})\\b[^"\\n]*"`, "g");
    return inside("shared/delivery/").flatMap(({ path, code }) =>
      Array.from(code.matchAll(quoted), ([text]) => `${path} has ${text}`),
    );
  });

  rule("Other folders import the ports and stores of `store/` and `bus/`, and none of their adapters.", () =>
    wrongImports(
      inside("shared/"),
      (name, path) =>
        /^shared\/(store\/(dynamodb|sqlite)\/|bus\/(eventbridge|in-process)-bus\.ts)/.test(name) &&
        folderOf(name) !== folderOf(path),
    ),
  );

  rule(
    "Adapters are constructed only in `functions/` and `test/`, SQLite's in `store/sqlite/`, AWS clients also in `aws/clients.ts` and `aws/dynamodb-client.ts`.",
    () =>
      wrongCode(/\bnew (DynamoD[bB]\w+|SqliteTable|EventBridge\w+|InProcessBus)\(/, [
        "functions/",
        "shared/store/sqlite/",
        "shared/aws/clients.ts",
        "shared/aws/dynamodb-client.ts",
      ]),
  );

  rule("No provider imports from another provider, and no action from another action.", () =>
    wrongImports(inside("shared/"), (name, path) => {
      const [, kind, own] = /^shared\/(providers|actions)\/([^/]+)\//.exec(path) ?? [];
      const [, otherKind, other] = /^shared\/(providers|actions)\/([^/]+)\//.exec(name) ?? [];
      return kind !== undefined && otherKind !== undefined && (kind !== otherKind || own !== other);
    }),
  );

  rule(
    "Only its registry imports a provider or an action, and `setups.ts` the setups; `cli/tekton.ts` imports what `tekton render` needs.",
    () =>
      wrongImports(inside("shared/"), (name, path) => {
        const [, owner] = /^(shared\/(?:providers|actions)\/[^/]+\/)/.exec(name) ?? [];
        const isRender = name === "shared/actions/tekton/render.ts" && path === "shared/cli/tekton.ts";
        const isSetup = name.endsWith("/setup.ts") && path === "shared/providers/setups.ts";
        return (
          owner !== undefined && !path.startsWith(owner) && !path.endsWith("/registry.ts") && !isRender && !isSetup
        );
      }),
  );

  rule("Only `config/` and `functions/` import the registries of providers and actions.", () =>
    wrongImports(
      inside("shared/"),
      (name, path) => /^shared\/(providers|actions)\/registry\.ts$/.test(name) && folderOf(path) !== "config",
    ),
  );

  const homes: Readonly<Record<string, readonly string[]>> = {
    "@aws-sdk": ["shared/store/", "shared/bus/", "shared/aws/"],
    hono: ["shared/http/", "shared/console/", "shared/aws/"],
    "@hono": ["shared/http/"],
    jose: ["shared/identity/", "shared/outbound/", "shared/console/", "shared/providers/confluence/"],
  };
  rule(
    "The AWS SDK is imported in `store/`, `bus/` and `aws/`, hono in `http/`, `console/` and `aws/`, jose in `identity/`, `outbound/`, `console/` and by Connect.",
    () =>
      wrongImports(FILES, (name, path) => {
        const home = homes[name.split("/")[0] ?? ""];
        return home !== undefined && !home.some((folder) => path.startsWith(folder));
      }),
  );

  rule("Only `functions/` reads `process.env`.", () => wrongCode(/\bprocess\.env\b/, ["functions/"]));

  rule("Only `host/clock.ts` reads the machine's clock.", () =>
    wrongCode(/\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|\bhrtime\b/, [
      "shared/host/clock.ts",
      // A text that runs in the browser.
      "shared/console/live-script.ts",
    ]),
  );
});

/** The other folders of shared/ that a folder imports from. */
const foldersImportedBy = (folder: string): ReadonlySet<string> =>
  new Set(
    inside(`shared/${folder}/`)
      .flatMap(({ imports }) => imports.filter((name) => name.startsWith("shared/")).map(folderOf))
      .filter((other) => other !== folder),
  );

/** The folders that can be reached from a folder by one import or more. */
function reachable(start: string, imported: ReadonlyMap<string, ReadonlySet<string>>): ReadonlySet<string> {
  const seen = new Set<string>();
  const open = [...(imported.get(start) ?? [])];
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    if (!seen.has(folder)) open.push(...(imported.get(folder) ?? []));
    seen.add(folder);
  }
  return seen;
}

/** The way from a file back to itself, if there is one. */
function cycleFrom({ path: start }: SourceFile): readonly string[] {
  const seen = new Set<string>();
  const open = [start];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    for (const next of FILES.find((one) => one.path === path)?.imports ?? []) {
      if (next === start) return [`${start} through ${path}`];
      if (!seen.has(next)) open.push(next);
      seen.add(next);
    }
  }
  return [];
}
