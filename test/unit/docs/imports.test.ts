import { readdirSync } from "node:fs";
import { posix } from "node:path";
import { describe, expect, it } from "vitest";
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
  const told = Array.from(code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"/g), ([, name = ""]) => name);
  return { path, code, imports: told.map((name) => (name.startsWith(".") ? resolved(path, name) : name)) };
}

function resolved(path: string, name: string): string {
  return posix.join(posix.dirname(path), name);
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

describe("the table of folders", () => {
  it("has a line for every one, and for no other", () => {
    const told = rowsOf(sectionOf(readText("docs/architecture.md"), "What each folder holds")).map(
      ([cell = ""]) => cell,
    );
    const folders = (path: string) =>
      readdirSync(new URL(`../../../${path}`, import.meta.url), { withFileTypes: true }).filter((one) =>
        one.isDirectory(),
      );
    const ours = folders("shared").map(({ name }) => `\`shared/${name}/\``);
    expect(told.filter((cell) => cell.startsWith("`shared/")).sort()).toEqual(ours.sort());
    expect(told.filter((cell) => !cell.startsWith("`shared/"))).toEqual(
      ["functions", "infra", "docs", "test"].map((name) => `\`${name}/\``),
    );
  });
});

describe("the rules of imports", () => {
  const table = new Map(rowsOf(RULES).map(([folder = "", may = ""]) => [folder.replace(/[`/]/g, ""), codeIn(may)]));

  it("have a line for every folder of shared/, and for no other", () => {
    expect([...table.keys()].sort()).toEqual([...new Set(inside("shared/").map(({ path }) => folderOf(path)))].sort());
  });

  rule("A folder of `shared/` imports from another only as the table says.", () =>
    wrongImports(inside("shared/"), (name, path) => {
      const [from, to] = [folderOf(path), folderOf(name)];
      return name.startsWith("shared/") && from !== to && !table.get(from)?.includes(`${to}/`);
    }),
  );

  rule("Nothing in `shared/` imports from `functions/` or `test/`.", () =>
    wrongImports(inside("shared/"), (name) => /^(functions|test)\//.test(name)),
  );

  rule("In `functions/`, `playground.ts` alone imports from `test/`, for its sandboxes.", () =>
    wrongImports(inside("functions/"), (name, path) => name.startsWith("test/") && path !== "functions/playground.ts"),
  );

  rule("No file of `shared/` imports itself by way of others.", () => inside("shared/").flatMap(cycleFrom));

  rule("`delivery/` imports no package: no SDK, no hono.", () => wrongImports(inside("shared/delivery/"), isPackage));

  rule("`delivery/` names no provider and no action.", () => {
    const names = [...providers, ...actions].map(({ name }) => name).join("|");
    const quoted = new RegExp(`"[^"\\n]*\\b(?:${names})\\b[^"\\n]*"`, "g");
    return inside("shared/delivery/").flatMap(({ path, code }) =>
      Array.from(code.matchAll(quoted), ([text]) => `${path} has ${text}`),
    );
  });

  rule("Of `store/` and `bus/` other folders import the interfaces alone.", () => {
    const interfaces =
      /^shared\/(store\/(actions|approvals|boards|deliveries|origins|own-accounts|rates|runs|seals|seen-tokens|uses)|bus\/(bus|entry))\.ts$/;
    return wrongImports(inside("shared/"), (name, path) => {
      const isAdapter = /^shared\/(store|bus)\//.test(name) && !interfaces.test(name);
      return isAdapter && folderOf(name) !== folderOf(path);
    });
  });

  rule(
    "Store and bus adapters are constructed only in `functions/`, `test/`, `open-stores.ts` and `embedded.ts`, AWS clients also in `aws/clients.ts`.",
    () =>
      wrongCode(/\bnew (DynamoD[bB]\w+|EventBridge\w+|InProcessBus)\(/, [
        "functions/",
        "shared/store/dynamodb/open-stores.ts",
        "shared/store/dynamodb/embedded.ts",
        "shared/aws/clients.ts",
      ]),
  );

  rule("A provider imports nothing of another provider, an action nothing of another action.", () =>
    wrongImports(inside("shared/"), (name, path) => {
      const [, kind, own] = /^shared\/(providers|actions)\/([^/]+)\//.exec(path) ?? [];
      const [, otherKind, other] = /^shared\/(providers|actions)\/([^/]+)\//.exec(name) ?? [];
      return kind !== undefined && otherKind !== undefined && (kind !== otherKind || own !== other);
    }),
  );

  rule("A provider or an action is imported by its registry alone, and `tekton render` by `cli/tekton.ts`.", () =>
    wrongImports(inside("shared/"), (name, path) => {
      const [, owner] = /^(shared\/(?:providers|actions)\/[^/]+\/)/.exec(name) ?? [];
      const isRender = name === "shared/actions/tekton/render.ts" && path === "shared/cli/tekton.ts";
      return owner !== undefined && !path.startsWith(owner) && !path.endsWith("/registry.ts") && !isRender;
    }),
  );

  rule("`config/` alone imports the registries of providers and actions.", () =>
    wrongImports(
      FILES,
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

  rule("Only `host/clock.ts` asks the machine for the time.", () =>
    wrongCode(/\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|\bhrtime\b/, ["shared/host/clock.ts"]),
  );
});

/** The way from a file back to itself, if there is one. */
function cycleFrom({ path: start }: SourceFile): readonly string[] {
  const seen = new Set<string>();
  const open = [start];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    for (const next of FILES.find((one) => one.path === path)?.imports ?? []) {
      if (next === start) return [`${start} by way of ${path}`];
      if (!seen.has(next)) open.push(next);
      seen.add(next);
    }
  }
  return [];
}
