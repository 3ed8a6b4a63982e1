import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { spliceRegion } from "../../../../shared/actions/confluence/region.ts";
import { asStored } from "../../../support/sandbox-confluence-markup.ts";
import { splitDocument, storageDocument } from "./storage-documents.ts";

const region = (content: string, name = "drawbridge") =>
  `<ac:structured-macro ac:name="excerpt" ac:macro-id="77"><ac:parameter ac:name="hidden">false</ac:parameter><ac:parameter ac:name="name">${name}</ac:parameter><ac:rich-text-body>${content}</ac:rich-text-body></ac:structured-macro>`;
const anchor = (name: string) =>
  `<ac:structured-macro ac:name="anchor"><ac:parameter ac:name="">${name}</ac:parameter></ac:structured-macro>`;
const [START, END] = [anchor("drawbridge-start"), anchor("drawbridge-end")];
const NEW = "<p>new</p>";

const spliced = (body: string, content: string): string => {
  const splice = spliceRegion(body, content, "append");
  if (splice.kind !== "changed") throw new Error(`expected a change, got ${splice.kind}`);
  return splice.body;
};

describe("putting content into the region of a page", () => {
  test.each([
    ["the body of our excerpt", `a${region("<p>old</p>")}b`, `a${region(NEW)}b`],
    ["an excerpt in a layout", `<ac:layout>${region("")}</ac:layout>`, `<ac:layout>${region(NEW)}</ac:layout>`],
    [
      "a body that was emptied",
      region("").replace("<ac:rich-text-body></ac:rich-text-body>", "<ac:rich-text-body />"),
      region(NEW),
    ],
    ["a body that is gone", region("").replace("<ac:rich-text-body></ac:rich-text-body>", ""), region(NEW)],
    ["what lies between two anchors", `a${START}old${END}b`, `a${START}${NEW}${END}b`],
    [
      "what lies between anchors in paragraphs",
      `<p>${START}</p>old<p> ${END}</p>`,
      `<p>${START}</p>${NEW}<p> ${END}</p>`,
    ],
    ["our excerpt beside another's", region("x", "release") + region("old"), region("x", "release") + region(NEW)],
  ])("replaces %s", (_, body, expected) => {
    expect(spliceRegion(body, NEW, "skip")).toEqual({ kind: "changed", body: expected });
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
    ["anchors of different parents", `<td>${START}</td><td>${END}</td>`],
    ["anchors in one paragraph", `<p>${START} and ${END}</p>`],
    ["a page that is not well-formed", `${region("a")}<p>`],
  ])("changes nothing on a page with %s", (_, body) => {
    expect(spliceRegion(body, NEW, "append")).toMatchObject({ kind: "unusable", why: expect.any(String) });
  });

  test("gives a page no region that is to get none", () => {
    expect(spliceRegion(region("x", "release"), NEW, "skip")).toEqual({ kind: "absent" });
  });
});

describe("on any page", () => {
  const content = fc.constantFrom(NEW, "<p>one</p>", "<table><tbody><tr><td>&#39;</td></tr></tbody></table>");

  test("appends behind everything, and a second time changes nothing", () => {
    fc.assert(
      fc.property(storageDocument, content, (body, added) => {
        const once = spliced(body, added);
        expect(once.startsWith(body)).toBe(true);
        expect(spliceRegion(once, added, "append")).toEqual({ kind: "unchanged" });
        expect(spliceRegion(asStored(once), added, "append")).toEqual({ kind: "unchanged" });
      }),
    );
  });

  test("ends in the same page whatever was shown before", () => {
    fc.assert(
      fc.property(storageDocument, content, (body, added) => {
        expect(spliced(spliced(body, "<p>before</p>"), added)).toBe(spliced(body, added));
      }),
    );
  });

  test.each([
    ["an excerpt", region("old").split("old")],
    ["anchors", [START, END]],
  ])("leaves every byte outside of %s as it is", (_, [open = "", close = ""]) => {
    fc.assert(
      fc.property(splitDocument, storageDocument, content, ([before, after], old, added) => {
        const splice = spliceRegion(`${before}${open}${old}${close}${after}`, added, "append");
        if (splice.kind === "unchanged") return;
        const body = `${before}${open}${added}${close}${after}`;
        expect(splice).toEqual({ kind: "changed", body });
        expect(spliceRegion(body, added, "append")).toEqual({ kind: "unchanged" });
      }),
    );
  });

  test("never throws, whatever the text", () => {
    fc.assert(fc.property(fc.string(), (body) => void spliceRegion(body, NEW, "append")));
  });
});
