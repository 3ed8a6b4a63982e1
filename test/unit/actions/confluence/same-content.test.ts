import { describe, expect, test } from "vitest";
import { sameContent } from "../../../../shared/actions/confluence/same-content.ts";
import { asStored } from "../../../support/sandbox-confluence-markup.ts";

describe("the same content", () => {
  test.each([
    ["as it was", "<p>a</p>", "<p>a</p>"],
    ["with ids added", "<p>a</p>", '<p local-id="1f">a</p>'],
    [
      "with a schema version added",
      '<ac:structured-macro ac:name="status"/>',
      '<ac:structured-macro ac:name="status" ac:schema-version="1" ac:macro-id="7"></ac:structured-macro>',
    ],
    ["with references resolved", "<p>&#39;&quot;&#xFC;</p>", "<p>'\"ü</p>"],
    ["with references renamed", "<p>ü–é’</p>", "<p>&uuml;&ndash;&#233;&rsquo;</p>"],
    ["with attributes in another order", '<a b="1" c="&amp;"/>', "<a c='&#38;' b='1' />"],
  ])("is told %s", (_, one, other) => {
    expect(sameContent(one, other)).toBe(true);
  });

  test.each([
    ["another text", "<p>a</p>", "<p>b</p>"],
    ["another element", "<p>a</p>", "<b>a</b>"],
    ["another attribute", '<a href="x">a</a>', '<a href="y">a</a>'],
    ["an attribute more", "<p>a</p>", '<p class="x">a</p>'],
    ["text that looks like a tag", "<p>&lt;b/&gt;</p>", "<p><b/></p>"],
    ["a reference that nobody knows", "<p>&amp;what;</p>", "<p>&what;</p>".replace("what", "when")],
    ["text that is not well-formed", "<p", "<p "],
  ])("is not found in %s", (_, one, other) => {
    expect(sameContent(one, other)).toBe(false);
  });

  test("is found in what Confluence makes of it", () => {
    const written =
      '<p>Zo&#233; &amp; “Grün”</p><table><tbody><tr><td></td></tr></tbody></table><ac:structured-macro ac:name="status"><ac:parameter ac:name="title">A&#39;B</ac:parameter></ac:structured-macro>';
    expect(asStored(written)).not.toBe(written);
    expect(sameContent(asStored(written), written)).toBe(true);
  });
});
