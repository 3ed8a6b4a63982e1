import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { ownLinesOf, plainTextOf, writtenAt } from "../../../../shared/actions/confluence/comment.ts";
import { escapeText } from "../../../../shared/actions/confluence/storage-text.ts";
import { commandOfText } from "../../../../shared/approvals/command.ts";
import { storageDocument } from "./storage-documents.ts";

describe("a comment that is plain text", () => {
  test.each([
    ["<p>drawbridge approve</p>", "drawbridge approve"],
    ["drawbridge approve", "drawbridge approve"],
    ['<p local-id="7f">drawbridge&nbsp;approve</p><p></p>', "drawbridge approve"],
    ["<p>\n drawbridge <br/> approve </p>", "drawbridge approve"],
    ["<p>drawbridge</p><p>approve</p>", "drawbridge approve"],
    ["<p>draw<br/>bridge approve</p>", "draw bridge approve"],
    ["<p>&#100;rawbridge approve &amp; deny</p>", "drawbridge approve & deny"],
    ["<p>a &lt;b&gt; c</p>", "a <b> c"],
    ["<p><strong>Drawbridge</strong> approve.</p>", "Drawbridge approve."],
    ["<p><em><b>draw</b>bridge</em> <u>approve</u></p>", "drawbridge approve"],
    ["<p><code>drawbridge approve</code></p>", "drawbridge approve"],
    ["<p><i>drawbridge</i><br/>approve</p>", "drawbridge approve"],
    ["", ""],
  ])("the comment %j has the plain text %j", (storage, text) => {
    expect(plainTextOf(storage)).toBe(text);
  });
});

test("a comment of more than 64 kB is no command, and no line of it is one by mistake", () => {
  const padded = (length: number): string => `<p>drawbridge approve</p>${" ".repeat(length - 25)}`;
  expect([plainTextOf(padded(65_536)), ownLinesOf(padded(65_536))]).toEqual([
    "drawbridge approve",
    ["drawbridge approve"],
  ]);
  expect([plainTextOf(padded(65_537)), ownLinesOf(padded(65_537))]).toEqual([undefined, []]);
});

describe("a comment with markup", () => {
  test.each([
    ["a quotation", "<blockquote><p>drawbridge approve</p></blockquote>"],
    ["code in several lines", "<pre>drawbridge approve</pre>"],
    ["text that is struck out", "<p><s>drawbridge approve</s></p>"],
    ["text that is struck out in bold", "<p><strong><del>drawbridge approve</del></strong></p>"],
    ["styled text", '<p><span style="text-decoration: line-through">drawbridge approve</span></p>'],
    ["a bold quotation", "<blockquote><p><strong>drawbridge approve</strong></p></blockquote>"],
    ["a list", "<ul><li>drawbridge approve</li></ul>"],
    ["a heading", "<h1>drawbridge approve</h1>"],
    ["a link", '<p><a href="https://example.test">drawbridge approve</a></p>'],
    ["a mention", '<p><ac:link><ri:user ri:userkey="8a7f"/></ac:link> drawbridge approve</p>'],
    ["a character section", "<p><![CDATA[drawbridge approve]]></p>"],
    ["a hidden remark", "<p>drawbridge approve<!-- not yet --></p>"],
    [
      "a macro",
      '<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[drawbridge approve]]></ac:plain-text-body></ac:structured-macro>',
    ],
    ["text that is not storage format", "<p>drawbridge approve & go</p>"],
    ["a tag that does not end", "<p>drawbridge approve<"],
  ])("a comment with %s has no plain text", (_, storage) => {
    expect(plainTextOf(storage)).toBeUndefined();
  });
});

const blank = fc.constantFrom(" ", "  ", "\n", "&nbsp;", "&#160;", "<br/>", "</p><p>", "\t");

describe("a command in a comment", () => {
  test("a command in plain text is recognized however it is spaced", () => {
    const around = fc.constantFrom("", " ", "\n", "&nbsp;", "<br />", "</p><p>");
    fc.assert(
      fc.property(fc.constantFrom("approve", "deny"), blank, around, around, (verb, between, before, after) => {
        const storage = `<p>${before}drawbridge${between}${verb}${after}</p>`;
        expect(commandOfText(plainTextOf(storage) ?? "")).toBeDefined();
      }),
    );
  });

  test("a comment that says anything besides a command is not a command", () => {
    const more = fc.string({ unit: "grapheme", maxLength: 12 }).filter((text) => /[^\s.!,;:]/.test(text));
    fc.assert(
      fc.property(more, fc.boolean(), (text, isBefore) => {
        const escaped = escapeText(text);
        // A character that storage format cannot hold is gone before the comment is read.
        if (!/[^\s.!,;:]/.test(escaped)) return;
        const storage = isBefore ? `<p>${escaped} drawbridge approve</p>` : `<p>drawbridge approve ${escaped}</p>`;
        expect(commandOfText(plainTextOf(storage) ?? "")).toBeUndefined();
      }),
    );
  });

  test("a comment with visible content or markup before the command is not a command", () => {
    fc.assert(
      fc.property(storageDocument, (document) => {
        const text = plainTextOf(`${document}<p>drawbridge approve</p>`);
        const isNothing = plainTextOf(document) === "";
        expect(commandOfText(text ?? "") !== undefined).toBe(isNothing);
      }),
    );
  });
});

describe("the time of a version", () => {
  const read = (text: unknown) => v.safeParse(writtenAt, text);
  test.each([
    ["2026-11-02T09:00:00.000Z", 0],
    ["2026-11-02T10:00:00.000+01:00", 0],
    ["2026-11-02T09:00:01Z", 1_000],
  ])("the version time %s is parsed", (text, later) => {
    expect(read(text)).toMatchObject({ success: true, output: Date.parse("2026-11-02T09:00:00Z") + later });
  });

  test.each(["2026-11-02T09:00:00", "2026-11-02", "now", "", 1_793_610_000_000, null])(
    "%j is rejected as a version time",
    (text) => {
      expect(read(text).success).toBe(false);
    },
  );
});
