import { describe, expect, it } from "vitest";
import { jsonText, printable } from "../../../shared/cli/terminal-text.ts";
import { replaceHidden, withoutHidden } from "../../../shared/host/hidden-characters.ts";
import { jsonLog } from "../../../shared/host/log.ts";

const HIDDEN: readonly (readonly [string, string])[] = [
  ["a right-to-left override", "\u202e"],
  ["a left-to-right isolate", "\u2066"],
  ["an end of an isolate", "\u2069"],
  ["a zero-width space", "\u200b"],
  ["a zero-width non-joiner", "\u200c"],
  ["a joiner between letters", "\u200d"],
  ["a word joiner", "\u2060"],
  ["a byte order mark", "\ufeff"],
  ["a soft hyphen", "\u00ad"],
  ["a filler of Hangul", "\u3164"],
  ["a filler of half width", "\uffa0"],
  ["a grapheme joiner", "\u034f"],
  ["a variation selector after a letter", "\ufe0f"],
  ["a variation selector of the supplement", "\u{e0141}"],
  ["a blank of Braille", "\u2800"],
  ["a reserved character without a glyph", "\ufff0"],
  ["a tag character", "\u{e0041}"],
  ["a control of the second set", "\u009b"],
  ["a line separator", "\u2028"],
];

describe("a hidden character", () => {
  it.each(HIDDEN)(
    "%s is shown as such in a terminal, in its JSON and in the log, and is left out on a page",
    (_, hidden) => {
      const text = `deploy${hidden}prod`;
      expect(printable(text)).toBe("deploy?prod");
      expect(withoutHidden(text)).toBe("deployprod");
      const lines: string[] = [];
      jsonLog(
        (line) => lines.push(line),
        () => "",
      ).info({ text }, "written");
      for (const json of [jsonText({ text }), lines.join("")]) {
        expect(json).not.toContain(hidden);
        expect(JSON.parse(json)).toMatchObject({ text });
      }
    },
  );

  it("a selector after a digit, and a joiner after it, are hidden", () => {
    expect(withoutHidden("v1\ufe0f\u200d\u00a9")).toBe("v1\u00a9");
  });

  it.each([
    "1\ufe0f\u20e3",
    "\u2764\ufe0e",
    "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}",
    "\u{1f3f3}\ufe0f\u200d\u{1f308}",
    "\u{1f469}\u{1f3fd}\u200d\u{1f680}",
    "Jörg",
    "日本",
    "مرحبا",
  ])("no part of %s is one", (text) => expect(replaceHidden(text, () => "?")).toBe(text));
});
