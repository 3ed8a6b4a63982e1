import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { adfFormat } from "../../../../shared/actions/confluence/adf-document.ts";
import { MOVED } from "../../../../shared/actions/confluence/own-content.ts";
import { type RegionOfPage, type Splice, spliceRegion } from "../../../../shared/actions/confluence/region.ts";
import { renderRegion } from "../../../../shared/actions/confluence/render-region.ts";
import { renderLayout } from "../../../../shared/actions/confluence/render-releases.ts";
import type { BoardRow } from "../../../../shared/model/board.ts";
import { boardOf } from "../../../support/board-rows.ts";
import { releaseAt } from "../../../support/release-rows.ts";
import { type Adf, adfAsSavedByEditor, adfAsStored, parseAdf } from "../../../support/sandbox-confluence-adf.ts";

const of = (whenMissing: RegionOfPage["whenMissing"] = "append"): RegionOfPage => ({
  region: "drawbridge",
  page: "98310",
  whenMissing,
  carrier: "excerpt",
  section: "fixed-width",
});
const splice = async (body: string, content = NEW, region = of()): Promise<Splice> =>
  spliceRegion(await adfFormat.read(body), content, region);
const spliced = async (body: string, content = NEW): Promise<string> => {
  const result = await splice(body, content);
  if (result.kind !== "changed") throw new Error(`expected a change, got ${JSON.stringify(result)}`);
  return result.body;
};

const OLD = renderRegion([]);
const NEW = renderRegion(boardOf("ci/docs"));

const doc = (...content: readonly Adf[]): string =>
  `{"version": 1, "type": "doc", "content": [${content.map((one) => JSON.stringify(one)).join(",")}]}`.replaceAll(
    JSON.stringify(ODD),
    ODD_TEXT,
  );
/** Notation that a reader of JSON accepts and no printer of it would choose. */
const ODD: Adf = { type: "odd" };
const ODD_TEXT = `{ "attrs" : {"width":1.50,"2":"b","1":"a","big":12345678901234567890,"e":1E2,"e":1e+2},\t"type":"from-the-future","content":[ {"type":"text" ,"text":"\\u00e9\\/","marks":[]} ], "more":{"content":[1,null]} }`;
const raw = (node: string): string => `{"type":"doc","version":1,"content":[${node}]}`;
const text = (value: string, ...marks: readonly Adf[]): Adf => ({
  type: "text",
  text: value,
  ...(marks.length > 0 && { marks }),
});
const p = (...content: readonly (Adf | string)[]): Adf => ({
  type: "paragraph",
  content: content.map((one) => (typeof one === "string" ? text(one) : one)),
});
const macro = (extensionKey: string, macroParams: object) => ({
  extensionType: "com.atlassian.confluence.macro.core",
  extensionKey,
  parameters: { macroParams, macroMetadata: { macroId: { value: "77" }, schemaVersion: { value: "1" } } },
});
const excerpt = (name: string, ...content: readonly Adf[]): Adf => ({
  type: "bodiedExtension",
  attrs: {
    layout: "default",
    ...macro("excerpt", { hidden: { value: "false" }, name: { value: name } }),
    localId: "1",
  },
  content,
});
const anchor = (name: string): Adf => ({ type: "inlineExtension", attrs: macro("anchor", { "": { value: name } }) });
const between = (name: string, ...content: readonly Adf[]): readonly Adf[] => [
  p(anchor(`${name}-start`)),
  ...content,
  p(anchor(`${name}-end`)),
];
const panel = (...content: readonly Adf[]): Adf => ({ type: "panel", attrs: { panelType: "info" }, content });
const layout = (...content: readonly Adf[]): Adf => ({
  type: "layoutSection",
  content: [content, [p()]].map((column) => ({ type: "layoutColumn", attrs: { width: 50 }, content: column })),
});
const cell = (...content: readonly Adf[]): Adf => ({ type: "tableCell", content });
const table = (...rows: readonly (readonly Adf[])[]): Adf => ({
  type: "table",
  content: rows.map((content) => ({ type: "tableRow", content })),
});
/** The nodes that are written for content. */
const nodesOf = async (content: string): Promise<readonly Adf[]> =>
  parseAdf(await spliced(doc(), content)).content?.[0]?.content ?? [];
const [WAS, IS] = [await nodesOf(OLD), await nodesOf(NEW)];
const [LINE = p()] = await nodesOf(MOVED);
/** A new region. */
const ADDED: Adf = {
  type: "bodiedExtension",
  attrs: {
    extensionType: "com.atlassian.confluence.macro.core",
    extensionKey: "excerpt",
    parameters: {
      macroParams: { "atlassian-macro-output-type": { value: "BLOCK" }, name: { value: "drawbridge:98310" } },
      macroMetadata: { schemaVersion: { value: "1" }, title: "Excerpt" },
    },
    layout: "default",
  },
  content: IS,
};

describe("putting content into the region of a page of the new editor", () => {
  test.each<[string, readonly Adf[], readonly Adf[]]>([
    ["the body of our excerpt", [excerpt("drawbridge:98310", ...WAS)], [excerpt("drawbridge:98310", ...IS)]],
    ["an empty body", [excerpt("drawbridge:98310", p())], [excerpt("drawbridge:98310", ...IS)]],
    ["a body without a node", [excerpt("drawbridge:98310")], [excerpt("drawbridge:98310", ...IS)]],
    ["an excerpt that a person set, and names it", [excerpt(" Drawbridge", p())], [excerpt("drawbridge:98310", ...IS)]],
    ["a copied excerpt, and names it", [excerpt("drawbridge:77", ...WAS)], [excerpt("drawbridge:98310", ...IS)]],
    ["what lies between two anchors", between("drawbridge", ...WAS), between("drawbridge", ...IS)],
    ["nothing between two anchors", between("drawbridge"), between("drawbridge", ...IS)],
    ["what lies between copied anchors", between("drawbridge:77", ...WAS), between("drawbridge:98310", ...IS)],
    [
      "our excerpt beside another's",
      [excerpt("release", p("x")), excerpt("drawbridge:98310", ...WAS)],
      [excerpt("release", p("x")), excerpt("drawbridge:98310", ...IS)],
    ],
  ])("new content replaces %s, and all else stays byte for byte", async (_, nodes, expected) => {
    expect(await spliced(doc(ODD, ...nodes, ODD))).toBe(doc(ODD, ...expected, ODD));
  });

  test.each([
    ["an empty page", doc(), doc(ADDED)],
    ["a page", doc(ODD, p("x")), doc(ODD, p("x"), ADDED)],
    ["a page that ends with a layout", doc(layout(p("x"))), doc(layout(p("x")), ADDED)],
  ])("a region is added at the end of %s", async (_, body, expected) => {
    expect(await spliced(body)).toBe(expected);
    expect(await splice(body, NEW, of("skip"))).toEqual({ kind: "absent" });
  });

  test("an excerpt without a list of nodes gets one", async () => {
    const { content: _, ...empty } = excerpt("drawbridge:98310");
    expect(await spliced(doc(empty))).toBe(doc(excerpt("drawbridge:98310", ...IS)));
  });

  test.each<[string, readonly Adf[]]>([
    ["two excerpts", [excerpt("drawbridge", ...WAS), excerpt("drawbridge:98310", ...WAS)]],
    ["an excerpt and anchors", [excerpt("drawbridge", ...WAS), ...between("drawbridge")]],
    ["a start without an end", [p(anchor("drawbridge-start"))]],
    ["anchors of different parents", [layout(p(anchor("drawbridge-start"))), p(anchor("drawbridge-end"))]],
    ["anchors in one paragraph", [p(anchor("drawbridge-start"), "x", anchor("drawbridge-end"))]],
    ["anchors in a cell, which must not contain a table", [table([cell(...between("drawbridge"))])]],
    ["anchors in a panel, which must not contain a table", [panel(...between("drawbridge"))]],
    ["a person's words in an excerpt that has our name by chance", [excerpt("drawbridge", p("Our own words."))]],
    ["a region that a copy brought beside its own", [excerpt("drawbridge:77", ...WAS), excerpt("drawbridge:98310")]],
  ])("a page with %s stays unchanged", async (_, nodes) => {
    expect(await splice(doc(...nodes))).toMatchObject({ kind: "unusable", why: expect.any(String) });
  });

  test.each([
    ["no JSON", "<p>x</p>"],
    ["no node", "[1]"],
    ["a document without content", '{"type":"doc","version":1}'],
    ["another node at the top", '{"type":"paragraph","content":[]}'],
    ["a node without a type", raw('{"content":[]}')],
    ["a text among its nodes", '{"type":"doc","content":["x"]}'],
    ["a node with two contents", raw('{"type":"paragraph","content":[],"content":[{"type":"text","text":"x"}]}')],
    ["a node with two types", raw('{"type":"paragraph","\\u0074ype":"rule"}')],
  ])("%s is refused as a document", async (_, body) => {
    expect(await splice(body)).toMatchObject({ kind: "unusable", why: expect.stringContaining("cannot be read") });
  });

  test("only JSON is read as a document, and no text makes the reader fail", async () => {
    const valid = doc(ODD, layout(p("x")), excerpt("drawbridge", p()));
    const piece = fc.constantFrom(
      ...'{}[]:,"\\ \n1x',
      '"type"',
      '"content"',
      '"doc"',
      '"text"',
      "null",
      '{"type":"doc","content":[',
    );
    const damaged = fc
      .tuple(fc.nat(valid.length), fc.nat(3), piece)
      .map(([at, dropped, added]) => valid.slice(0, at) + added + valid.slice(at + dropped));
    const type = fc.constantFrom(
      ..."text status date heading table expand bodiedExtension inlineExtension hardBreak".split(" "),
    );
    const extension = fc.jsonValue().map((value) => macro("excerpt", { name: { value: "drawbridge" }, 'a"b': value }));
    const strange = fc
      .record({ type, attrs: fc.oneof(fc.jsonValue(), extension), marks: fc.jsonValue(), text: fc.jsonValue() })
      .map((node) => JSON.stringify({ type: "doc", content: [node] }));
    const body = fc.oneof(
      strange,
      damaged,
      fc.array(piece).map((all) => all.join("")),
      fc.json(),
    );
    let read = 0;
    await fc.assert(
      fc.asyncProperty(body, async (one) => {
        if ("unreadable" in (await adfFormat.read(one))) return;
        read += 1;
        JSON.parse(one);
      }),
      { numRuns: 1_000 },
    );
    expect(read).toBeGreaterThan(10);
  });

  test("other work runs many times while a document of a megabyte is read", async () => {
    const body = doc(...Array.from({ length: 12_000 }, () => p("Some words", text("of Kim", { type: "strong" }))));
    expect(body.length).toBeGreaterThan(1_000_000);
    let turns = 0;
    let isReading = true;
    const turn = (): void => {
      turns += 1;
      if (isReading) setImmediate(turn);
    };
    turn();
    const read = await adfFormat.read(body);
    isReading = false;
    expect(read).toHaveProperty("storage");
    expect(turns).toBeGreaterThan(20);
  });

  test("a document that is nested very deeply is read", async () => {
    const deep = 20_000;
    const quotation = `${'{"type":"blockquote","content":['.repeat(deep)}${"]}".repeat(deep)}`;
    const body = doc(ODD, excerpt("drawbridge", ...WAS)).replace(ODD_TEXT, quotation);
    expect(await spliced(body)).toContain("ci/docs");
  });
});

describe("what people wrote inside the region of a page of the new editor", () => {
  const NOTE = p(
    "Known flaky, see ",
    text("OPS-12", { type: "link", attrs: { href: "https://jira.example.test/OPS-12" } }),
  );
  const PANEL = panel(p({ type: "mention", attrs: { id: "5b10" } }));

  const [, , boardTable = p()] = IS;
  const rows = boardTable.content ?? [];

  test.each<[string, (...content: readonly Adf[]) => readonly Adf[], (...content: readonly Adf[]) => readonly Adf[]]>([
    [
      "the page's own excerpt",
      (...all) => [excerpt("drawbridge:98310", ...all)],
      (...all) => [excerpt("drawbridge:98310", ...all)],
    ],
    [
      "an excerpt with the plain name",
      (...all) => [excerpt("drawbridge", ...all)],
      (...all) => [excerpt("drawbridge:98310", ...all)],
    ],
    [
      "an excerpt that a copy brought along",
      (...all) => [excerpt("drawbridge:77", ...all)],
      (...all) => [excerpt("drawbridge:98310", ...all)],
    ],
    [
      "the page's own anchors",
      (...all) => between("drawbridge:98310", ...all),
      (...all) => between("drawbridge:98310", ...all),
    ],
    ["a person's anchors", (...all) => between("drawbridge", ...all), (...all) => between("drawbridge", ...all)],
  ])("is moved below it once, byte for byte, if it is in %s", async (_, before, after) => {
    const body = doc(p("before"), ...before(p(), NOTE, ...WAS, p(), ODD, PANEL, p()), p("after"));
    const expected = doc(p("before"), ...after(...IS), LINE, NOTE, ODD, PANEL, p("after"));
    expect(await splice(body)).toMatchObject({
      kind: "changed",
      body: expected,
      moved: expect.stringContaining("OPS-12"),
    });
    expect(await splice(expected)).toEqual({ kind: "unchanged" });
    expect(await splice(adfAsSavedByEditor(adfAsStored(expected)), OLD)).not.toHaveProperty("moved");
  });

  test("is the whole expand of an earlier update if a person put an expand into it, because that may stand nowhere else", async () => {
    const expand: Adf = { type: "expand", attrs: { title: "1 passed" }, content: [boardTable] };
    const nested: Adf = { type: "nestedExpand", attrs: { title: "Flaky" }, content: [p("x")] };
    const added = { ...expand, content: [boardTable, nested] };
    const body = (one: Adf) => doc(...between("drawbridge:98310", ...WAS, one));
    expect(await splice(body(expand))).not.toHaveProperty("moved");
    expect(await spliced(body(added))).toBe(doc(...between("drawbridge:98310", ...IS), LINE, added));
  });

  test("goes below the line that stands there already, and stays in the column of a layout", async () => {
    const again = doc(layout(excerpt("drawbridge:98310", ...WAS, PANEL), LINE, NOTE));
    expect(await spliced(again)).toBe(doc(layout(excerpt("drawbridge:98310", ...IS), LINE, PANEL, NOTE)));
  });

  test("is a row that a person added, a column with the names of its rows, and a cell with more than its line", async () => {
    const [head, row] = rows.map(({ content = [] }) => content);
    const owners = [head, row].map((cells = [], index) => [...cells, cell(p(index === 0 ? "Owner" : "Lou"))]);
    const byHand = [cell(p("Rehearsal")), ...Array.from({ length: 7 }, () => cell(p()))];
    const kept = (...all: readonly (readonly Adf[])[]) => doc(excerpt("drawbridge:98310", ...IS), LINE, table(...all));
    const changed = (...all: readonly (readonly Adf[])[]) =>
      doc(excerpt("drawbridge:98310", ...IS.map((one) => (one === boardTable ? table(...all) : one))));
    const [rowName = p(), state = p(), place = p(), ...others] = row ?? [];
    const listed = cell(...(place.content ?? []), PANEL);
    expect(await splice(changed(head ?? [], row ?? [], byHand))).toMatchObject({ body: kept(byHand) });
    expect(await splice(changed(...owners))).toMatchObject({
      body: kept(...owners.map((cells) => [cells[0] ?? p(), cells.at(-1) ?? p()])),
    });
    expect(await splice(changed(head ?? [], [rowName, state, listed, ...others]))).toMatchObject({
      body: kept([rowName, listed]),
    });
  });

  test.each<[string, readonly BoardRow[]]>([
    ["a time without a value in a program's language, long before 1970", at("0001-01-01T00:00:00.000Z")],
    [
      "the first and the last minute before 1970",
      [...at("1970-01-01T00:00:00.000Z"), ...at("1969-12-31T23:59:59.000Z")],
    ],
    ["the last day of year 9999", at("9999-12-31T23:59:59.999Z")],
    ["a title that nobody sees", hiddenTitles()],
  ])("is not a row of the bridge with %s", async (_, board) => {
    for (const layoutOf of ["board", "releases"] as const) {
      const content = renderLayout(board, { onlyChanges: false, isFlat: true }, layoutOf);
      const body = await spliced(doc(), content);
      for (const saved of [body, adfAsSavedByEditor(adfAsStored(body))]) {
        expect(await splice(saved, content)).toEqual({ kind: "unchanged" });
        expect(await splice(saved, "<p><strong>Build status</strong></p>")).not.toHaveProperty("moved");
      }
    }
  });
});

/** A run that ended at a time, and a deployment. */
function at(finishedAt: string): readonly BoardRow[] {
  const rows = [...boardOf("ci/docs"), ...releaseAt(1)];
  return rows.map((row) => ({ ...row, build: { ...row.build, startedAt: finishedAt, finishedAt } }));
}

function hiddenTitles(): readonly BoardRow[] {
  const url = "https://ci.example.test/1";
  const hidden = { title: "\u200B", commit: "\u200B", commitUrl: url, changeUrl: url, change: { id: "\u200B" } };
  const release = { kind: "deployment" as const, names: [], title: "\u200B", url };
  const [row, deployment] = [...boardOf("ci/docs"), ...releaseAt(1)].map((one) => ({
    ...one,
    build: { ...one.build, ...hidden },
  }));
  return row && deployment ? [row, { ...deployment, build: { ...deployment.build, release } }] : [];
}
