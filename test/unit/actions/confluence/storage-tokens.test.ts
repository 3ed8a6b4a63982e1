import fc from "fast-check";
import { SaxesParser } from "saxes";
import { describe, expect, test } from "vitest";
import { readElements } from "../../../../shared/actions/confluence/storage-elements.ts";
import { tokenize } from "../../../../shared/actions/confluence/storage-tokens.ts";
import { storageDocument } from "./storage-documents.ts";

const kinds = (text: string) => {
  const tokens = tokenize(text);
  return "malformed" in tokens ? tokens : tokens.map(({ kind, start, end }) => `${kind} ${text.slice(start, end)}`);
};

describe("cutting storage format into tokens", () => {
  test.each([
    ["", []],
    ["plain &amp; &nbsp; &#8211; &#x2013; > ]]", ["text plain &amp; &nbsp; &#8211; &#x2013; > ]]"]],
    ["<p>a</p>", ["open <p>", "text a", "close </p>"]],
    ["<br/><hr />", ["empty <br/>", "empty <hr />"]],
    ['<a href=\'">\' b = "/">', ['open <a href=\'">\' b = "/">']],
    ["<![CDATA[<p>&]]]]><![CDATA[>]]>", ["cdata <![CDATA[<p>&]]]]>", "cdata <![CDATA[>]]>"]],
    ["<!-- <p> & -->x", ["comment <!-- <p> & -->", "text x"]],
  ])("the text %j is cut into its tokens", (text, expected) => {
    expect(kinds(text)).toEqual(expected);
  });

  test.each([
    "a & b",
    "&;",
    "&#;",
    "a ]]> b",
    "<",
    "< p>",
    "<p",
    "<p a>",
    "<p a=b>",
    '<p a="<">',
    '<p a="&">',
    '<p a="1"b="2">',
    '<p a="1" a="2">',
    "</p a='1'>",
    "</>",
    "<p/ >",
    "<![CDATA[x",
    "<![cdata[x]]>",
    "<!-- a -- b -->",
    "<!-- a --->",
    "<!--",
    "<!DOCTYPE p>",
    "<?php ?>",
  ])("malformed text is rejected: %j", (text) => {
    expect(tokenize(text)).toMatchObject({ malformed: expect.any(String) });
  });

  test.each(["<p>", "</p>", "<p></a>", "<p><b></p></b>", "<p></p></p>"])(
    "unbalanced elements are rejected: %j",
    async (text) => {
      expect(await readElements(text)).toMatchObject({ malformed: expect.any(String) });
    },
  );

  test("the value of an attribute is returned as it is written", () => {
    expect(tokenize(`<a b="&amp;'" ac:c='"'/>`)).toMatchObject([
      {
        name: "a",
        attributes: [
          { name: "b", value: "&amp;'" },
          { name: "ac:c", value: '"' },
        ],
      },
    ]);
  });

  test("no character is lost: the tokens laid end to end are the document", () => {
    fc.assert(
      fc.property(storageDocument, (text) => {
        const tokens = tokenize(text);
        if ("malformed" in tokens) throw new Error(tokens.malformed);
        expect(tokens.map(({ start, end }) => text.slice(start, end)).join("")).toBe(text);
      }),
    );
  });

  test("the tokenizer agrees with an XML parser about what is well-formed", async () => {
    const alphabet = [
      "<",
      ">",
      "/",
      "p",
      "a:b",
      ' c="',
      "'",
      '"',
      "=",
      " ",
      "&",
      "&lt;",
      "]]>",
      "<![CDATA[",
      "<!--",
      "--",
    ];
    const soup = fc.array(fc.constantFrom(...alphabet), { maxLength: 12 }).map((parts) => parts.join(""));
    await fc.assert(
      fc.asyncProperty(fc.oneof(soup, storageDocument), async (text) => {
        expect("malformed" in (await readElements(text))).toBe(!isWellFormed(text));
      }),
      { numRuns: 2_000 },
    );
  });
});

function isWellFormed(text: string): boolean {
  const parser = new SaxesParser();
  Object.assign(parser.ENTITIES, { nbsp: "\u00A0", uuml: "ü" });
  let isFine = true;
  parser.on("error", () => {
    isFine = false;
  });
  parser.write(`<root>${text}</root>`).close();
  return isFine;
}
