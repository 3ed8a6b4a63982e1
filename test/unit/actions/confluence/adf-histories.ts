import fc from "fast-check";
import { expect } from "vitest";
import { adfFormat } from "../../../../shared/actions/confluence/adf-document.ts";
import { type RegionOfPage, type Splice, spliceRegion } from "../../../../shared/actions/confluence/region.ts";
import { renderRegion } from "../../../../shared/actions/confluence/render-region.ts";
import { boardOf } from "../../../support/board-rows.ts";
import { CODE_LINES } from "../../../support/code-lines.ts";
import { type Adf, adfAsSavedByEditor, adfAsStored, parseAdf } from "../../../support/sandbox-confluence-adf.ts";
import { ADF_EDIT_KINDS, type AdfEdit, afterAdfEdit } from "./adf-edits.ts";
import { isInsertionInto } from "./page-edits.ts";

const BOARDS = [[], ["ci/docs"], ["ci/docs", "ci/a'b", "x & <y>"]].map((names) => renderRegion(boardOf(...names)));
/** The last line of an update: a page without a count has none. */
const LINES = ["", ...CODE_LINES];
const UPDATES = BOARDS.map((content, at) => ({ content, lastLine: LINES[at % LINES.length] ?? "" }));
const FORM = { carrier: "excerpt", section: "fixed-width" } as const;

const spliced = async (body: string, content: string, lastLine = ""): Promise<Splice> => {
  const of: RegionOfPage = { region: "drawbridge", page: "98310", whenMissing: "append", lastLine, ...FORM };
  return spliceRegion(await adfFormat.read(body), content, of);
};

const macro = (extensionKey: string, macroParams: object) => ({
  extensionType: "com.atlassian.confluence.macro.core",
  extensionKey,
  parameters: { macroParams },
});
const p = (...content: readonly Adf[]): Adf => ({ type: "paragraph", content });
const doc = (...content: readonly Adf[]): string => JSON.stringify({ version: 1, type: "doc", content });
/** The nodes that an earlier update wrote. */
const first = await spliced(doc(), BOARDS[1] ?? "");
const region = first.kind === "changed" ? (parseAdf(first.body).content?.[0]?.content ?? []) : [];
const excerpt = (name: string): Adf => ({
  type: "bodiedExtension",
  attrs: macro("excerpt", { name: { value: name } }),
  content: region,
});
/** A region of Data Center, which has an expand macro, after its site moved to Cloud. */
const many = await spliced(doc(), renderRegion(boardOf(...Array.from({ length: 12 }, (_, at) => `ci/p${at}`))));
const { content: [{ content: expanded = [] } = p()] = [] }: Adf = JSON.parse(
  many.kind === "changed" ? many.body : doc(),
);
const anchors = (name: string, content = region): readonly Adf[] => {
  const [start, end] = ["start", "end"].map((side) =>
    p({ type: "inlineExtension", attrs: macro("anchor", { "": { value: `${name}-${side}` } }) }),
  );
  return [start ?? p(), ...content, end ?? p()];
};
const words = p({ type: "text", text: "Kim" });
const layout = (...content: readonly Adf[]): Adf => ({
  type: "layoutSection",
  content: [content, [p()]].map((column) => ({ type: "layoutColumn", attrs: { width: 50 }, content: column })),
});
const PAGES = [
  doc(),
  doc(words, layout(words)),
  ...["drawbridge", "Drawbridge:98310", "drawbridge:77"].flatMap((name) => [
    doc(words, excerpt(name), words),
    doc(words, ...anchors(name), words),
    doc(layout(words, excerpt(name))),
    doc(layout(...anchors(name)), words),
    doc(words, ...anchors(name, expanded)),
    doc({ type: "expand", attrs: { title: "x" }, content: anchors(name) }),
  ]),
];

const edit: fc.Arbitrary<AdfEdit> = fc.record({
  kind: fc.constantFrom(...ADF_EDIT_KINDS),
  what: fc.nat(1_000),
  where: fc.nat(1_000),
});
const history = fc.record({
  page: fc.constantFrom(...PAGES),
  steps: fc.array(fc.oneof({ weight: 3, arbitrary: edit }, fc.constantFrom(...UPDATES)), { maxLength: 14 }),
});

/**
 * Expects of random histories of people's edits and updates that no update loses a word that a person wrote, changes a
 * node outside the region, or makes a document that the schema does not allow.
 */
export async function expectSafeHistories(cases: { readonly numRuns: number; readonly seed: number }): Promise<void> {
  const seen = { moved: 0, changed: 0, unusable: 0 };
  await fc.assert(
    fc.asyncProperty(history, async ({ page, steps }) => {
      let body = page;
      for (const [index, step] of steps.entries()) {
        if ("kind" in step) {
          body = afterAdfEdit(body, step, `word${index}x`);
          continue;
        }
        const { content, lastLine } = step;
        const splice = await spliced(body, content, lastLine);
        if (splice.kind === "unusable") seen.unusable++;
        if (splice.kind !== "changed") continue;
        seen.changed++;
        if (splice.moved !== undefined) seen.moved++;
        expect(wordsOf(splice.body)).toEqual(wordsOf(body));
        expectSameOutside(splice.body, body);
        body = splice.body;
        expect(await spliced(body, content, lastLine)).toEqual({ kind: "unchanged" });
        const saved = adfAsSavedByEditor(adfAsStored(body));
        for (const line of LINES) expect(await spliced(saved, content, line)).toEqual({ kind: "unchanged" });
      }
    }),
    cases,
  );
  process.stdout.write(`page histories in the new editor: ${JSON.stringify(seen)}\n`);
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
}

/** The words that people wrote on the page, each as often as it stands there. */
const wordsOf = (body: string): readonly string[] => (body.match(/word\d+x/g) ?? []).sort();

/** Outside its region, `body` is `old` with at most one insertion, which is behind the region. */
function expectSameOutside(body: string, old: string): void {
  const [oldBefore, oldBehind] = around(old);
  const [before, behind = ""] = around(body);
  if (oldBehind !== undefined) expect(before).toBe(oldBefore);
  expect(isInsertionInto(oldBefore + (oldBehind ?? ""), before + behind)).toBe(true);
}

/** The text of a page before and behind its region, read as plain JSON; one text if it has none. */
function around(body: string): readonly [string, string?] {
  const without = (node: Adf): Adf => {
    if (isNamed(node, "name")) return { type: MARK };
    const content = node.content ?? [];
    const [start, end] = ["start", "end"].map((side) =>
      content.findIndex((child) => child.content?.some((one) => isNamed(one, "", `-${side}`))),
    );
    const hasRegion = start !== undefined && end !== undefined && start >= 0 && end > start;
    const outside = hasRegion ? [...content.slice(0, start), { type: MARK }, ...content.slice(end + 1)] : content;
    return node.content ? { ...node, content: outside.map(without) } : node;
  };
  const [before = "", behind] = JSON.stringify(without(parseAdf(body))).split(JSON.stringify({ type: MARK }));
  return behind === undefined ? [before] : [before, behind];
}

const MARK = "the region";

function isNamed({ attrs }: Adf, parameter: string, side = ""): boolean {
  const { parameters } = Object(attrs);
  const name: unknown = Object(Object(Object(parameters).macroParams)[parameter]).value;
  return typeof name === "string" && new RegExp(`^drawbridge(:\\d+)?${side}$`, "i").test(name.trim());
}
