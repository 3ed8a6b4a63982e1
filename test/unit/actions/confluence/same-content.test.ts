import { describe, expect, test } from "vitest";
import { sameContent } from "../../../../shared/actions/confluence/same-content.ts";
import { asSavedByEditor, asStored } from "../../../support/sandbox-confluence-markup.ts";

const lozenge = (colour: string) =>
  `<ac:structured-macro ac:name="status"><ac:parameter ac:name="colour">${colour}</ac:parameter><ac:parameter ac:name="title">A&#39;B</ac:parameter></ac:structured-macro>`;

describe("the same content", () => {
  test.each([
    ["if nothing changed", "<p>a</p>", "<p>a</p>"],
    ["with ids added", "<p>a</p>", '<p local-id="1f">a</p>'],
    [
      "with a schema version added",
      '<ac:structured-macro ac:name="status"/>',
      '<ac:structured-macro ac:name="status" ac:schema-version="1" ac:macro-id="7"></ac:structured-macro>',
    ],
    ["with references resolved", "<p>&#39;&quot;&#xFC;</p>", "<p>'\"ü</p>"],
    ["with references renamed", "<p>ü–é’</p>", "<p>&uuml;&ndash;&#233;&rsquo;</p>"],
    ["with a person's style", "<p>a</p>", '<p class="x"><strong>a</strong></p>'],
    [
      "with a comment beside it",
      "<td>a b</td>",
      '<td><ac:inline-comment-marker ac:ref="1">a</ac:inline-comment-marker> b</td>',
    ],
    ["with attributes in another order", '<a b="1" c="&amp;"/>', "<a c='&#38;' b='1' />"],
  ])("content is recognized as the same %s", (_, one, other) => {
    expect(sameContent(one, other)).toBe(true);
  });

  test.each([
    ["another text", "<p>a</p>", "<p>b</p>"],
    ["another element", "<p>a</p>", "<b>a</b>"],
    ["another attribute", '<a href="x">a</a>', '<a href="y">a</a>'],
    ["another day", '<time datetime="2026-11-02" />', '<time datetime="2026-11-03" />'],
    ["text in another cell", "<td>a</td><td>b</td>", "<td>ab</td><td></td>"],
    ["a lozenge of another colour", lozenge("Green"), lozenge("Red")],
    ["one more picture", "<td>a</td>", "<td>a<ac:image /></td>"],
    ["text that looks like a tag", "<p>&lt;b/&gt;</p>", "<p><b/></p>"],
    ["an unknown reference", "<p>&amp;what;</p>", "<p>&what;</p>".replace("what", "when")],
    ["text that is not well-formed", "<p", "<p "],
  ])("content with %s is not the same", (_, one, other) => {
    expect(sameContent(one, other)).toBe(false);
  });

  test("content is recognized after Confluence stored it and after its editor saved it", () => {
    const written = `<p>Zo&#233; &amp; “Grün”</p><table><tbody><tr><td></td><td>${lozenge("Green")}</td></tr></tbody></table>`;
    expect(asStored(written)).not.toBe(written);
    expect(sameContent(asStored(written), written)).toBe(true);
    expect(asSavedByEditor(written)).toMatch(/<colgroup>.*<td><p .*title">A/);
    expect(sameContent(asSavedByEditor(written), written)).toBe(true);
  });
});
