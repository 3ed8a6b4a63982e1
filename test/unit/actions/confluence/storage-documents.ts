import fc from "fast-check";

/** Looks like our region but is not one, because it stands where it is text. */
const DECOY =
  '<ac:structured-macro ac:name="excerpt"><ac:parameter ac:name="name">drawbridge</ac:parameter><ac:rich-text-body>old</ac:rich-text-body></ac:structured-macro>';

const escaped = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 12 }).map(escaped),
  fc.constantFrom("&nbsp;", "&#8211;", "&uuml;", " \r\n\t", "'\"", escaped(DECOY), "]] >", "𝄞"),
);

const leaf = fc.oneof(
  text,
  fc.constantFrom(
    "<hr/>",
    "<br />",
    "<!-- <p> drawbridge -->",
    "<p>drawbridge-start</p>",
    '<time datetime="2026-11-02" />',
    '<ac:link><ri:page ri:content-title=\'Say "when"\' ri:space-key="ENG"/></ac:link>',
    `<p title="${escaped(DECOY)}" data-x='>'>x</p>`,
    `<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[${DECOY}]]></ac:plain-text-body></ac:structured-macro>`,
    '<ac:structured-macro ac:name="anchor"><ac:parameter ac:name="">other-start</ac:parameter></ac:structured-macro>',
    // Marks of other products: the ends of their region, a block of an app, tasks, a picture, a mention.
    '<ac:structured-macro ac:name="build-status-start"/><p>#7</p><ac:structured-macro ac:name="build-status-end"/>',
    '<ac:adf-extension><ac:adf-node type="panel"><ac:adf-attribute key="panel-type">note</ac:adf-attribute></ac:adf-node></ac:adf-extension>',
    "<ac:task-list><ac:task><ac:task-id>1</ac:task-id><ac:task-status>incomplete</ac:task-status></ac:task></ac:task-list>",
    '<ac:image ac:width="300"><ri:attachment ri:filename="a&amp;b.png" ri:version-at-save="2"/></ac:image>',
    '<ac:link><ri:user ri:account-id="557058:1"/></ac:link>',
    '<ac:placeholder ac:type="mention">drawbridge-end</ac:placeholder>',
    '<ac:structured-macro ac:name="status" ac:macro-id="1f"><ac:parameter ac:name="title">drawbridge</ac:parameter></ac:structured-macro>',
  ),
);

const around = fc.constantFrom<readonly [string, string]>(
  ["<p>", "</p>"],
  ['<p class="a"  local-id = "9">', "</p >"],
  ["<table><tbody><tr><td>", "</td></tr></tbody></table>"],
  [
    '<ac:layout><ac:layout-section ac:type="single"><ac:layout-cell>',
    "</ac:layout-cell></ac:layout-section></ac:layout>",
  ],
  ['<ac:structured-macro ac:name="info"><ac:rich-text-body>', "</ac:rich-text-body></ac:structured-macro>"],
  [
    '<ac:structured-macro ac:name="excerpt"><ac:parameter ac:name="name">release</ac:parameter><ac:rich-text-body>',
    "</ac:rich-text-body></ac:structured-macro>",
  ],
  [
    '<ac:structured-macro ac:name="expand"><ac:parameter ac:name="name">drawbridge</ac:parameter><ac:rich-text-body>',
    "</ac:rich-text-body></ac:structured-macro>",
  ],
  ['<ac:inline-comment-marker ac:ref="4b">', "</ac:inline-comment-marker>"],
);

/** Well-formed storage format of every kind a page holds, without a region of ours. */
export const storageDocument: fc.Arbitrary<string> = fc.letrec<{ fragment: string; node: string }>((tie) => ({
  fragment: fc.array(tie("node"), { maxLength: 4 }).map((nodes) => nodes.join("")),
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.tuple(around, tie("fragment")).map(([[before, after], inner]) => before + inner + after),
  ),
})).fragment;

/** A document cut in two where a block may stand, and the names of the elements around the cut do not matter. */
export const splitDocument: fc.Arbitrary<readonly [before: string, after: string]> = fc
  .tuple(storageDocument, storageDocument, fc.array(around, { maxLength: 3 }))
  .map(([first, last, nested]) => {
    const blocks = nested.filter(([before]) => !/^<p|^<ac:inline/.test(before));
    const opening = blocks.map(([before]) => before).join("");
    const closing = blocks
      .map(([, after]) => after)
      .toReversed()
      .join("");
    return [first + opening, closing + last];
  });
