import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { providers } from "../../../shared/providers/registry.ts";
import { blocksOf, readText, rowsOf, sectionOf } from "../../support/documents.ts";

/** The headings that the guide demands, without its row about the first lines. */
const [, ...HEADINGS] = rowsOf(sectionOf(readText("docs/adding-a-provider.md"), "4. Documents")).map(
  ([heading = ""]) => heading,
);

describe.each(providers)("the README of $name", ({ name }) => {
  const text = readText(`shared/providers/${name}/README.md`);

  it("has the headings that the guide demands", () => {
    expect(HEADINGS.length).toBe(4);
    const headings = Array.from(text.matchAll(/^## (.+)$/gm), ([, heading = ""]) => heading);
    expect(headings).toEqual(expect.arrayContaining([...HEADINGS]));
  });

  it("shows a source to copy", () => {
    const sources = blocksOf(text, "yaml").flatMap((block) => Object.values(parse(block).sources ?? {}));
    expect(sources).toContainEqual(expect.objectContaining({ provider: name }));
  });

  it("says which reports are the same event", () => {
    expect(rowsOf(sectionOf(text, "What is the same event")).length).toBeGreaterThan(0);
  });

  it("links to the sender's documentation", () => {
    expect(text).toMatch(/\]\(https:\/\//);
  });
});
