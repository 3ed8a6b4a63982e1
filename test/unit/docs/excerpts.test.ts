import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { pages } from "../../../docs/generated-blocks.ts";
import { blocksOf, readText } from "../../support/documents.ts";

describe.each(pages())("%s", (path) => {
  const document = readText(path);

  it("shows code as it stands in the file that it names", () => {
    for (const block of blocksOf(document, "ts")) {
      const [first = "", ...lines] = block.split("\n");
      const file = first.replace(/^\/\/ /, "");
      expect(readText(file), file).toContain(lines.join("\n").trimEnd());
    }
  });

  it("shows YAML that is valid", () => {
    const documents = blocksOf(document, "yaml").flatMap((block) => [...parseAllDocuments(block)]);
    expect(documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])).toEqual([]);
  });

  it("links to headings and files that exist", () => {
    for (const [, target = ""] of document.matchAll(/\]\((?!https?:)([^)]+)\)/g)) {
      const [file = "", anchor] = target.split("#");
      const linked = file === "" ? path : new URL(file, `file:///${path}`).pathname.slice(1);
      expect(existsSync(new URL(`../../../${linked}`, import.meta.url)), target).toBe(true);
      if (anchor === undefined) continue;
      const headings = Array.from(readText(linked).matchAll(/^#+ (.+)$/gm), ([, heading = ""]) => anchorOf(heading));
      expect(headings, target).toContain(anchor);
    }
  });

  it("names files of this project that exist", () => {
    for (const [, file = ""] of document.matchAll(/`((?:shared|functions|test|docs)\/[\w./-]+\.\w+)`/g)) {
      expect(readText(file).length, file).toBeGreaterThan(0);
    }
  });
});

/** As GitLab and GitHub make the anchor of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w\s-]/g, "")
    .replace(/\s/g, "-");
