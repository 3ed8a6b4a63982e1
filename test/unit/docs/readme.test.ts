import { describe, expect, it } from "vitest";
import { pages } from "../../../docs/generated-blocks.ts";
import manifest from "../../../package.json" with { type: "json" };
import { codeIn, readText, rowsOf, sectionOf } from "../../support/documents.ts";

const DOCUMENT = readText("README.md");
const scripts: Readonly<Record<string, string>> = manifest.scripts;

/** Pages that a page links to. */
const linkedFrom = (path: string): readonly string[] =>
  Array.from(readText(path).matchAll(/\]\((?!https?:)([^)#]+\.md)/g), ([, target = ""]) =>
    new URL(target, `file:///${path}`).pathname.slice(1),
  );

describe("README.md", () => {
  it("leads to every page, by links", () => {
    const found = new Set(["README.md"]);
    // A set is walked to its end while it grows.
    for (const path of found) for (const next of linkedFrom(path)) found.add(next);
    expect(pages().filter((path) => !found.has(path))).toEqual([]);
  });

  it("names every runtime dependency once, and no other package", () => {
    const named = rowsOf(sectionOf(DOCUMENT, "Runtime dependencies")).flatMap(([packages = ""]) => codeIn(packages));
    expect([...named].sort()).toEqual(Object.keys(manifest.dependencies).sort());
  });

  it("names only commands that exist", () => {
    const named = Array.from(DOCUMENT.matchAll(/npm run (?:-s )?([\w:]+)/g), ([, name = ""]) => name);
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  });
});
