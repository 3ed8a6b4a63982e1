import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { codeIn, readText, rowsOf, sectionOf } from "../../support/documents.ts";

const GLOSSARY = readText("docs/glossary.md");
const STANDARD = rowsOf(sectionOf(GLOSSARY, "From the standard term to our word"));
const OURS = rowsOf(sectionOf(GLOSSARY, "From our word to the standard term"));

/** Terms that a newcomer searches for. */
const SEARCHED = [
  "idempotency key",
  "outbox",
  "lease",
  "dead letter",
  "backoff",
  "middleware",
  "session cookie",
  "audit log",
  "rate limit",
  "feedback loop",
];

const isThere = (path: string): boolean =>
  [path, `shared/${path}`].some((one) => existsSync(new URL(`../../../${one}`, import.meta.url)));

describe("docs/glossary.md", () => {
  it.each([...STANDARD, ...OURS].map((cells) => [cells[0] ?? "", codeIn(cells[3] ?? "")] as const))(
    "names code files that exist for: %s",
    (_term, files) => {
      expect(files.length).toBeGreaterThan(0);
      expect(files.filter((path) => !isThere(path))).toEqual([]);
    },
  );

  it.each(SEARCHED)("lists the standard term %s", (term) => {
    expect(STANDARD.some(([cell = ""]) => cell.includes(term))).toBe(true);
  });
});
