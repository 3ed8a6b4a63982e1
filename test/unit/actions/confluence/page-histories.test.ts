import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type RegionOfPage,
  type Splice,
  spliceRegion as spliceDocument,
} from "../../../../shared/actions/confluence/region.ts";
import { renderRegion } from "../../../../shared/actions/confluence/render-region.ts";
import { renderLayout } from "../../../../shared/actions/confluence/render-releases.ts";
import { storageFormat } from "../../../../shared/actions/confluence/storage-document.ts";
import { boardOf } from "../../../support/board-rows.ts";
import { CODE_LINES } from "../../../support/code-lines.ts";
import { propertyCases } from "../../../support/property-cases.ts";
import { releasesOf } from "../../../support/release-rows.ts";
import { asSavedByEditor, asStored } from "../../../support/sandbox-confluence-markup.ts";
import { LAYOUT_DOCUMENTS } from "./layout-documents.ts";
import { afterEdit, EDIT_KINDS, isInsertionInto, type PageEdit } from "./page-edits.ts";

const spliceRegion = async (body: string, content: string, of: RegionOfPage): Promise<Splice> =>
  spliceDocument(await storageFormat.read(body), content, of);

const CASES = propertyCases("page histories", { weight: 2 });
const BOARDS = [
  ...[[], ["ci/docs"], ["ci/docs", "ci/a'b", "x & <y>"]].map((names) => renderRegion(boardOf(...names))),
  ...[0, 12].map((count) => renderLayout(releasesOf(count), { onlyChanges: false }, "releases")),
];
/** The last line of an update: a page without a count has none. */
const LINES = ["", ...CODE_LINES];
const UPDATES = BOARDS.flatMap((content, at) => ({ content, lastLine: LINES[at % LINES.length] ?? "" }));
const FORMS = [
  { carrier: "excerpt", section: "fixed-width" },
  { carrier: "anchors", section: "single" },
] as const;

const excerpt = (name: string) =>
  `<p>a</p><ac:structured-macro ac:name="excerpt"><ac:parameter ac:name="name">${name}</ac:parameter><ac:rich-text-body>${BOARDS[1]}</ac:rich-text-body></ac:structured-macro><p>b</p>`;
const anchors = (name: string) =>
  ["start", "end"]
    .map(
      (side) =>
        `<p><ac:structured-macro ac:name="anchor"><ac:parameter ac:name="">${name}-${side}</ac:parameter></ac:structured-macro></p>`,
    )
    .join(BOARDS[1]);
const PAGES = [
  "",
  "<h1>Release</h1><p>Kim</p>",
  ...["drawbridge", "Drawbridge:98310", "drawbridge:77"].flatMap((name) => [
    excerpt(name),
    `<p>a</p>${anchors(name)}<p>b</p>`,
  ]),
  ...Object.values(LAYOUT_DOCUMENTS),
];

const edit: fc.Arbitrary<PageEdit> = fc.record({
  kind: fc.constantFrom(...EDIT_KINDS),
  what: fc.nat(1_000),
  where: fc.nat(1_000),
});
const history = fc.record({
  page: fc.constantFrom(...PAGES),
  form: fc.constantFrom(...FORMS),
  steps: fc.array(fc.oneof({ weight: 3, arbitrary: edit }, fc.constantFrom(...UPDATES)), { maxLength: 14 }),
});

test("no update loses a word that a person wrote or changes a byte outside the region, whatever people do to the page", async () => {
  const seen = { moved: 0, changed: 0, unusable: 0 };
  await fc.assert(
    fc.asyncProperty(history, async ({ page, form, steps }) => {
      const region: RegionOfPage = { region: "drawbridge", page: "98310", whenMissing: "append", ...form };
      let body = page;
      for (const [index, step] of steps.entries()) {
        if ("kind" in step) {
          body = await afterEdit(body, step, `word${index}x`);
          continue;
        }
        const { content, lastLine } = step;
        const of = { ...region, lastLine };
        const splice = await spliceRegion(body, content, of);
        if (splice.kind === "unusable") seen.unusable++;
        if (splice.kind !== "changed") continue;
        seen.changed++;
        if (splice.moved !== undefined) seen.moved++;
        expect(wordsOf(splice.body)).toEqual(wordsOf(body));
        expectSameOutside(splice.body, body);
        body = splice.body;
        expect(await spliceRegion(body, content, of)).toEqual({ kind: "unchanged" });
        const saved = asSavedByEditor(asStored(body));
        expect(await spliceRegion(saved, content, of)).toEqual({ kind: "unchanged" });
        for (const other of LINES)
          expect(await spliceRegion(saved, content, { ...region, lastLine: other })).toEqual({ kind: "unchanged" });
      }
    }),
    CASES,
  );
  process.stdout.write(`page histories: ${JSON.stringify(seen)}\n`);
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
}, 1_800_000);

/** The words that people wrote on the page, each as often as it stands there. */
const wordsOf = (body: string): readonly string[] => (body.match(/word\d+x/g) ?? []).sort();

/** Outside its region, `body` is `old` with at most one insertion, which is behind the region. */
function expectSameOutside(body: string, old: string): void {
  const [oldStart, oldEnd] = regionIn(old) ?? [0, 0];
  const [start, end] = oldEnd === 0 ? [0, 0] : (regionIn(body) ?? [-1, -1]);
  expect(body.slice(0, start)).toBe(old.slice(0, oldStart));
  expect(isInsertionInto(old.slice(oldEnd), body.slice(end))).toBe(true);
}

/** The offsets of the only region, found without the product's parser. */
function regionIn(body: string): readonly [number, number] | undefined {
  const [name, start, end] = ["", "-start", "-end"].map((side) =>
    body.search(new RegExp(`>drawbridge(?::\\d+)?${side}</`, "i")),
  );
  if (name === undefined || start === undefined || end === undefined) return undefined;
  if (name < 0 && start < 0) return undefined;
  const from = body.lastIndexOf(MACRO, name < 0 ? start : name);
  return [from, endOfMacro(body, name < 0 ? body.lastIndexOf(MACRO, end) : from)];
}

const MACRO = "<ac:structured-macro";

function endOfMacro(body: string, from: number): number {
  let depth = 0;
  for (const { 0: tag, index } of body
    .slice(from)
    .matchAll(/<ac:structured-macro[^>]*[^/]>|<\/ac:structured-macro>/g)) {
    depth += tag.startsWith("</") ? -1 : 1;
    if (depth === 0) return from + index + tag.length;
  }
  return body.length;
}
