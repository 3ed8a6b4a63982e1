import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { spliceRegion } from "../../../../shared/actions/confluence/region.ts";
import { renderRegion } from "../../../../shared/actions/confluence/render-region.ts";
import { asSavedByEditor, asStored } from "../../../support/sandbox-confluence-markup.ts";
import { splitDocument, storageDocument } from "./storage-documents.ts";

const of = (whenMissing: "append" | "skip", page = "98310") => ({ region: "drawbridge", page, whenMissing });
const region = (content: string, name = "drawbridge:98310") =>
  `<ac:structured-macro ac:name="excerpt" ac:macro-id="77"><ac:parameter ac:name="hidden">false</ac:parameter><ac:parameter ac:name="name">${name}</ac:parameter><ac:rich-text-body>${content}</ac:rich-text-body></ac:structured-macro>`;
const anchor = (name: string) =>
  `<ac:structured-macro ac:name="anchor"><ac:parameter ac:name="">${name}</ac:parameter></ac:structured-macro>`;
const [START, END] = [anchor("drawbridge-start"), anchor("drawbridge-end")];
const NEW = "<p>new</p>";
/** Content that a bridge has written. */
const OURS = asStored(renderRegion([]));

const spliced = (body: string, content: string): string => {
  const splice = spliceRegion(body, content, of("append"));
  if (splice.kind !== "changed") throw new Error(`expected a change, got ${splice.kind}`);
  return splice.body;
};

describe("putting content into the region of a page", () => {
  test.each([
    ["the body of our excerpt", `a${region("<p>old</p>")}b`, `a${region(NEW)}b`],
    ["an excerpt in a layout", `<ac:layout>${region("")}</ac:layout>`, `<ac:layout>${region(NEW)}</ac:layout>`],
    [
      "an emptied body",
      region("").replace("<ac:rich-text-body></ac:rich-text-body>", "<ac:rich-text-body />"),
      region(NEW),
    ],
    ["a body that is gone", region("").replace("<ac:rich-text-body></ac:rich-text-body>", ""), region(NEW)],
    ["what lies between two anchors", `a${START}${OURS}${END}b`, `a${START}${NEW}${END}b`],
    [
      "what lies between anchors in paragraphs",
      `<p>${START}</p><p>&nbsp;</p><p> ${END}</p>`,
      `<p>${START}</p>${NEW}<p> ${END}</p>`,
    ],
    ["an excerpt that a person set, and names it", region("<p />", "drawbridge"), region(NEW)],
    ["an excerpt of an earlier version, and names it", region(`<p>Note.</p>${OURS}`, "drawbridge"), region(NEW)],
    ["what an editor has saved", `a${region(asSavedByEditor(OURS), "drawbridge")}b`, `a${region(NEW)}b`],
    ["our excerpt beside another's", region("x", "release") + region("old"), region("x", "release") + region(NEW)],
  ])("new content replaces %s", (_, body, expected) => {
    expect(spliceRegion(body, NEW, of("skip"))).toEqual({ kind: "changed", body: expected });
  });

  test.each([
    ["two excerpts", region("a") + region("b")],
    ["an excerpt in an excerpt", region(region("a"))],
    ["an excerpt and anchors", region("a") + START + END],
    [
      "two bodies",
      region("a").replace("</ac:structured-macro>", "<ac:rich-text-body>b</ac:rich-text-body></ac:structured-macro>"),
    ],
    ["a start without an end", START],
    ["an end without a start", END],
    ["anchors the wrong way round", END + START],
    ["three anchors", START + START + END],
    ["a person's words in an excerpt that has our name by chance", region("<p>Our own words.</p>", "drawbridge")],
    [
      "a person's picture in such an excerpt",
      region("<ac:image><ri:attachment ri:filename='a.png' /></ac:image>", "drawbridge"),
    ],
    ["a person's words between anchors", `${START}<p>Our own words.</p>${END}`],
    ["a person's words in a copied region", region("<p>Our own words.</p>", "drawbridge:77")],
    ["a region that a copy brought beside its own", region(OURS) + region(OURS, "drawbridge:77")],
    ["anchors of different parents", `<td>${START}</td><td>${END}</td>`],
    ["anchors in one paragraph", `<p>${START} and ${END}</p>`],
    ["a page that is not well-formed", `${region("a")}<p>`],
  ])("a page with %s stays unchanged", (_, body) => {
    expect(spliceRegion(body, NEW, of("append"))).toMatchObject({ kind: "unusable", why: expect.any(String) });
  });

  test.each(["release", "drawbridge:notes", "drawbridge:", "drawbridge-staging:98310"])(
    "an excerpt named %s is left alone",
    (name) => {
      expect(spliceRegion(region(OURS, name), NEW, of("skip"))).toEqual({ kind: "absent" });
    },
  );

  test("a copied region becomes the copy's own, and the result names the page that it came from", () => {
    const body = region(OURS, "drawbridge:77");
    expect(spliceRegion(body, NEW, of("skip"))).toEqual({ kind: "changed", body: region(NEW), from: "77" });
  });

  test("a region is named after the page, wherever in the macro the name stands", () => {
    const nameLast = (name: string, content: string) =>
      `<ac:structured-macro ac:name="excerpt"><ac:rich-text-body>${content}</ac:rich-text-body><ac:parameter ac:name="name">${name}</ac:parameter></ac:structured-macro>`;
    const splice = spliceRegion(nameLast("drawbridge", ""), NEW, of("skip"));
    expect(splice).toEqual({ kind: "changed", body: nameLast("drawbridge:98310", NEW) });
  });
});

describe("a region on any page", () => {
  const lozenge =
    '<ac:structured-macro ac:name="status"><ac:parameter ac:name="colour">Red</ac:parameter><ac:parameter ac:name="title">FAILED</ac:parameter></ac:structured-macro>';
  const content = fc.constantFrom(
    NEW,
    "<p>one</p>",
    `<table><tbody><tr><th>A&#39;B</th><td>${lozenge}<br />last: <a href="https://a.test/?b&amp;c">#1</a></td></tr></tbody></table>`,
  );

  test("content is appended behind everything, and appending it again changes nothing", () => {
    fc.assert(
      fc.property(storageDocument, content, (body, added) => {
        const once = spliced(body, added);
        expect(once.startsWith(body)).toBe(true);
        expect(spliceRegion(once, added, of("append"))).toEqual({ kind: "unchanged" });
        expect(spliceRegion(asStored(once), added, of("append"))).toEqual({ kind: "unchanged" });
        const edited = asSavedByEditor(asStored(once));
        expect(spliceRegion(edited, added, of("append"))).toEqual({ kind: "unchanged" });
        expect(spliceRegion(asSavedByEditor(edited), added, of("append"))).toEqual({ kind: "unchanged" });
      }),
    );
  });

  test("the resulting page does not depend on the content that was shown before", () => {
    fc.assert(
      fc.property(storageDocument, content, (body, added) => {
        expect(spliced(spliced(body, "<p>before</p>"), added)).toBe(spliced(body, added));
      }),
    );
  });

  test.each([
    ["an excerpt", region("old").split("old"), (old: string) => old],
    ["anchors", [START, END], (old: string) => OURS + old],
  ])("every byte outside of %s stays as it is", (_, [open = "", close = ""], holds) => {
    fc.assert(
      fc.property(splitDocument, storageDocument, content, ([before, after], old, added) => {
        const splice = spliceRegion(`${before}${open}${holds(old)}${close}${after}`, added, of("append"));
        if (splice.kind === "unchanged") return;
        const body = `${before}${open}${added}${close}${after}`;
        expect(splice).toEqual({ kind: "changed", body });
        expect(spliceRegion(body, added, of("append"))).toEqual({ kind: "unchanged" });
      }),
    );
  });

  test("replacing a region never throws, whatever the text", () => {
    fc.assert(fc.property(fc.string(), (body) => void spliceRegion(body, NEW, of("append"))));
  });
});
