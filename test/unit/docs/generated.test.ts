import { describe, expect, it } from "vitest";
import { BLOCKS, blocksIn, handWritten, pages, readPage, withBlocks } from "../../../docs/generated-blocks.ts";

const [NAME = ""] = Object.keys(BLOCKS);
const block = (name: string, text: string) => `<!-- generated: ${name} -->\n${text}\n<!-- end generated -->`;

describe("generated blocks", () => {
  it.each(pages())("of %s are current; `npm run docs` writes them", (path) => {
    expect(withBlocks(readPage(path))).toBe(readPage(path));
  });

  it("are each in a page", () => {
    const used = new Set(pages().flatMap((path) => blocksIn(readPage(path))));
    expect(Object.keys(BLOCKS).filter((name) => !used.has(name))).toEqual([]);
  });

  it("replace what stood between their markers, and nothing else", () => {
    const page = withBlocks(`before\n\n${block(NAME, "old")}\n\nafter`);
    expect(page).toBe(`before\n\n${block(NAME, `\n${BLOCKS[NAME]?.()}\n`)}\n\nafter`);
    expect(withBlocks(page)).toBe(page);
  });

  it("are not counted as written by hand", () => {
    expect(handWritten(`before\n${block(NAME, "| a | table |")}\nafter`)).toBe("before\nafter");
  });

  it.each([
    ["an unknown name", block("no-such-block", ""), 'no block has the name "no-such-block"'],
    ["a start without an end", `<!-- generated: ${NAME} -->\ntext`, "has no end"],
    ["a start before the end of another", `<!-- generated: ${NAME} -->\n${block(NAME, "")}`, "has no end"],
    ["an end without a start", "text\n<!-- end generated -->", "has no start"],
  ])("are not written where a page has %s", (_, page, message) => {
    expect(() => withBlocks(page)).toThrow(message);
  });
});
