import { existsSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { handWritten, pages } from "../../../docs/generated-blocks.ts";
import { readText } from "../../support/documents.ts";

const ROOT = new URL("../../../", import.meta.url);

const PATHS: readonly string[] = [".", "docs", "functions", "infra", "shared", "test"].flatMap((folder) =>
  readdirSync(new URL(folder, ROOT), { recursive: folder !== ".", encoding: "utf8" })
    .map((name) => (folder === "." ? name : `${folder}/${name}`))
    .filter((path) => /\.(md|ts)$/.test(path)),
);

interface Line {
  /** Path and number. */
  readonly at: string;
  readonly text: string;
}

/** What is written for people: comments that have lines of their own, and documents without tables and code. */
const PROSE: readonly Line[] = PATHS.flatMap((path) => {
  const lines = readText(path)
    .split("\n")
    .map((text, at) => ({ at: `${path}:${at + 1}`, text }));
  return path.endsWith(".md") ? proseIn(lines) : lines.filter(({ text }) => /^\s*(\/\/|\/?\*)/.test(text));
});

function proseIn(lines: readonly Line[]): readonly Line[] {
  let isCode = false;
  return lines.filter(({ text }) => {
    const isFence = /^\s*```/.test(text);
    if (isFence) isCode = !isCode;
    return !isCode && !isFence && !/^\s*\|/.test(text);
  });
}

/** The formatter's width for code, and some columns more. */
const MAX_COLUMNS = 125;

describe("comments and documents", () => {
  it("have no line that is wider than a screen shows", () => {
    const wide = PROSE.filter(({ text }) => text.length > MAX_COLUMNS).map(({ at }) => at);
    expect(wide).toEqual([]);
  });

  it("name files of code that are there", () => {
    const named = PROSE.flatMap(({ at, text }) =>
      Array.from(text.matchAll(/(?<![\w*>./-])(?:\.{1,2}\/)*([\w./-]*\w\.ts)\b/g), ([, name = ""]) => ({ at, name })),
    );
    const isThere = (name: string): boolean =>
      existsSync(new URL(name, ROOT)) || PATHS.some((path) => path.endsWith(`/${name}`));
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter(({ name }) => !isThere(name))).toEqual([]);
  });
});

/** Words that stand for an idea which has a standard term, with that term. A reader would search for the term in vain. */
const NOT_THE_TERM: Readonly<Record<string, string>> = {
  "told|tells?|telling": "reports, claims, says, records",
  "hears?|heard|hearing": "receives",
  "heed(?:s|ed|ing)?": "executes, runs a side effect",
  "happenings?": "event",
  "note[sd]? (?:that|the|its|a)|noting|noted": "records",
  "echo(?:es|ed|ing)?": "feedback loop",
  "setbacks?": "failure",
  "of which": "a sentence of its own",
  "none of ours": "not from the bridge",
  "where there (?:is|are) none": "if there is none",
};

describe("a page", () => {
  it.each(pages())("%s uses the standard terms", (path) => {
    const text = readText(path)
      .replace(/^ *```.*?^ *```$/gms, "")
      .replace(/`[^`\n]+`|\]\([^)]+\)/g, " ");
    const found = Object.entries(NOT_THE_TERM).flatMap(([words, term]) =>
      Array.from(text.matchAll(new RegExp(`\\b(?:${words})\\b`, "gi")), ([word]) => `${word}: write ${term}`),
    );
    expect(found).toEqual([]);
  });
});

/** More than that and a page answers several questions: it becomes several pages. */
const MAX_WORDS = 1_500;

/** Words that people write: without generated blocks and without code blocks. */
const wordsIn = (page: string): number =>
  handWritten(page)
    .replace(/^ *```.*?^ *```$/gms, "")
    .split(/\s+/)
    .filter((word) => /\w/.test(word)).length;

describe("a page", () => {
  it.each(pages())("%s has at most 1,500 words written by hand", (path) => {
    expect(wordsIn(readText(path))).toBeLessThanOrEqual(MAX_WORDS);
  });
});
