import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MOVED } from "../../../../shared/actions/confluence/own-content.ts";
import {
  type RegionOfPage,
  type Splice,
  spliceRegion as spliceDocument,
} from "../../../../shared/actions/confluence/region.ts";
import { renderRegion } from "../../../../shared/actions/confluence/render-region.ts";
import { storageFormat } from "../../../../shared/actions/confluence/storage-document.ts";
import { boardOf } from "../../../support/board-rows.ts";
import { asSavedByEditor, asStored, parseStorage } from "../../../support/sandbox-confluence-markup.ts";
import { LAYOUT_DOCUMENTS } from "./layout-documents.ts";
import { isInsertionInto } from "./page-edits.ts";
import { splitDocument, storageDocument } from "./storage-documents.ts";

const spliceRegion = async (body: string, content: string, region: RegionOfPage): Promise<Splice> =>
  spliceDocument(await storageFormat.read(body), content, region);
const ON_CLOUD = { carrier: "excerpt", section: "fixed-width" } as const;
const ON_DATA_CENTER = { carrier: "anchors", section: "single" } as const;
const of = (whenMissing: "append" | "skip", form: Partial<RegionOfPage> = ON_CLOUD): RegionOfPage => ({
  region: "drawbridge",
  page: "98310",
  whenMissing,
  ...ON_CLOUD,
  ...form,
});
const region = (content: string, name = "drawbridge:98310") =>
  `<ac:structured-macro ac:name="excerpt" ac:macro-id="77"><ac:parameter ac:name="hidden">false</ac:parameter><ac:parameter ac:name="name">${name}</ac:parameter><ac:rich-text-body>${content}</ac:rich-text-body></ac:structured-macro>`;
const anchor = (name: string) =>
  `<ac:structured-macro ac:name="anchor"><ac:parameter ac:name="">${name}</ac:parameter></ac:structured-macro>`;
const between = (content: string, name = "drawbridge:98310") =>
  `<p>${anchor(`${name}-start`)}</p>${content}<p>${anchor(`${name}-end`)}</p>`;
const [START, END] = [anchor("drawbridge-start"), anchor("drawbridge-end")];
/** Content that a bridge has written before, and what it writes now. */
const OLD = asStored(renderRegion([]));
const NEW = renderRegion(boardOf("ci/docs"));

const spliced = async (body: string, content: string, form: Partial<RegionOfPage> = ON_CLOUD): Promise<string> => {
  const splice = await spliceRegion(body, content, of("append", form));
  if (splice.kind !== "changed") throw new Error(`expected a change, got ${JSON.stringify(splice)}`);
  return splice.body;
};

describe("putting content into the region of a page", () => {
  test.each([
    ["the body of our excerpt", `a${region(OLD)}b`, `a${region(NEW)}b`],
    [
      "an emptied body",
      region("").replace("<ac:rich-text-body></ac:rich-text-body>", "<ac:rich-text-body />"),
      region(NEW),
    ],
    ["a body that is gone", region("").replace("<ac:rich-text-body></ac:rich-text-body>", ""), region(NEW)],
    ["what lies between two anchors", `a${START}${OLD}${END}b`, `a${START}${NEW}${END}b`],
    ["what lies between anchors with the page's id", between(OLD), between(NEW)],
    [
      "what lies between anchors in paragraphs",
      `<p>${START}</p><p>&nbsp;</p><p> ${END}</p>`,
      `<p>${START}</p>${NEW}<p> ${END}</p>`,
    ],
    ["an excerpt that a person set, and names it", region("<p />", "drawbridge"), region(NEW)],
    ["an excerpt of an earlier version, and names it", region(OLD, "drawbridge"), region(NEW)],
    ["what an editor has saved", `a${region(asSavedByEditor(OLD), "drawbridge")}b`, `a${region(NEW)}b`],
    ["our excerpt beside another's", region("x", "release") + region(OLD), region("x", "release") + region(NEW)],
  ])("new content replaces %s", async (_, body, expected) => {
    expect(await spliceRegion(body, NEW, of("skip"))).toMatchObject({ kind: "changed", body: expected });
  });

  test.each([
    ["two excerpts", region("a") + region("b")],
    ["an excerpt in an excerpt", region(region("a"))],
    ["an excerpt and anchors", region("a") + START + END],
    ["two pairs of anchors", between(OLD) + between(OLD, "drawbridge:77")],
    [
      "two bodies",
      region("a").replace("</ac:structured-macro>", "<ac:rich-text-body>b</ac:rich-text-body></ac:structured-macro>"),
    ],
    ["a start without an end", START],
    ["an end without a start", END],
    ["anchors the wrong way round", END + START],
    ["three anchors", START + START + END],
    ["anchors of two pages", anchor("drawbridge:98310-start") + anchor("drawbridge:77-end")],
    ["a person's words in an excerpt that has our name by chance", region("<p>Our own words.</p>", "drawbridge")],
    [
      "a person's picture in such an excerpt",
      region("<ac:image><ri:attachment ri:filename='a.png' /></ac:image>", "drawbridge"),
    ],
    ["a person's words between anchors with our name by chance", `${START}<p>Our own words.</p>${END}`],
    ["a region that a copy brought beside its own", region(OLD) + region(OLD, "drawbridge:77")],
    ["anchors of different parents", `<td>${START}</td><td>${END}</td>`],
    ["anchors in one paragraph", `<p>${START} and ${END}</p>`],
    ["a page that is not well-formed", `${region("a")}<p>`],
  ])("a page with %s stays unchanged", async (_, body) => {
    expect(await spliceRegion(body, NEW, of("append"))).toMatchObject({ kind: "unusable", why: expect.any(String) });
  });

  test.each(["release", "drawbridge:notes", "drawbridge:", "drawbridge-staging:98310", "drawbridge:98310:1"])(
    "an excerpt named %s is left alone",
    async (name) => {
      expect(await spliceRegion(region(OLD, name), NEW, of("skip"))).toEqual({ kind: "absent" });
    },
  );

  test.each(["Drawbridge", " drawbridge ", "drawbridge&#58;98310", "DRAWBRIDGE:98310", "\n drawbridge&nbsp;:98310 "])(
    "an excerpt named %j is the region, and gets the name of the page's region",
    async (name) => {
      expect(await spliced(region("", name), NEW)).toBe(region(NEW));
    },
  );

  test.each([
    [" Drawbridge-Start", "drawbridge-END "],
    ["drawbridge&#45;start", "&#100;rawbridge-end"],
    ["Drawbridge:98310-start", "drawbridge&#x3a;98310-end"],
  ])("anchors named %j and %j enclose the region, and keep their names", async (start, end) => {
    const body = (content: string) => anchor(start) + content + anchor(end);
    expect(await spliced(body(OLD), NEW)).toBe(body(NEW));
  });

  test.each([
    ["excerpt", (content: string, page: string) => region(content, `drawbridge:${page}`)],
    ["pair of anchors", (content: string, page: string) => between(content, `drawbridge:${page}`)],
  ])("a copied %s becomes the copy's own, and the result names the page that it came from", async (_, enclosed) => {
    expect(await spliceRegion(enclosed(OLD, "77"), NEW, of("skip"))).toMatchObject({
      kind: "changed",
      body: enclosed(NEW, "98310"),
      from: "77",
    });
  });

  test("a region is named after the page, wherever in the macro the name stands", async () => {
    const nameLast = (name: string, content: string) =>
      `<ac:structured-macro ac:name="excerpt"><ac:rich-text-body>${content}</ac:rich-text-body><ac:parameter ac:name="name">${name}</ac:parameter></ac:structured-macro>`;
    expect(await spliced(nameLast("drawbridge", ""), NEW)).toBe(nameLast("drawbridge:98310", NEW));
  });
});

const PLAN = '<h2>Roll-back plan</h2><p class="a"  >Call Kim &ndash; <em>at once</em></p>';
const NOTE = "<p>Known flaky, see OPS-12</p>";

describe("what people wrote inside the region", () => {
  const enclosures: readonly (readonly [string, (content: string) => string])[] = [
    ["the page's own excerpt", (content) => region(content)],
    ["an excerpt with the plain name", (content) => region(content, "drawbridge")],
    ["an excerpt that a copy brought along", (content) => region(content, "drawbridge:77")],
    ["the page's own anchors", (content) => between(content)],
    ["a person's anchors", (content) => between(content, "drawbridge")],
    ["anchors that a copy brought along", (content) => between(content, "drawbridge:77")],
  ];

  test.each(enclosures)("is moved below it once, byte for byte, if it is in %s", async (_, enclosed) => {
    const body = `<p>before</p>${enclosed(`<p>&nbsp;</p>${NOTE}${OLD}<p />\n${PLAN}<p />`)}<p>after</p>`;
    const splice = await spliceRegion(body, NEW, of("append"));
    if (splice.kind !== "changed") throw new Error(splice.kind);
    expect(splice.moved).toBe(NOTE + PLAN);
    const emptied = await spliced(`<p>before</p>${enclosed(OLD)}<p>after</p>`, NEW);
    expect(splice.body).toBe(emptied.replace("<p>after</p>", `${MOVED}${NOTE}${PLAN}<p>after</p>`));
    expect(await spliceRegion(splice.body, NEW, of("append"))).toEqual({ kind: "unchanged" });
    expect(await spliceRegion(asSavedByEditor(splice.body), OLD, of("append"))).not.toHaveProperty("moved");
  });

  test.each([
    ["the page's own excerpt", region(NOTE), region(NEW)],
    ["anchors with the page's id", between(NOTE), between(NEW)],
    ["a copied excerpt", region(NOTE, "drawbridge:77"), region(NEW)],
    ["copied anchors", between(NOTE, "drawbridge:77"), between(NEW)],
  ])("is moved also if it has taken the place of the table, in %s", async (_, body, expected) => {
    expect(await spliced(body, NEW)).toBe(`${expected}${MOVED}${NOTE}`);
  });

  test("is everything up to an end anchor that was dragged to the end of the page", async () => {
    const body = `<p>${START}</p>${OLD}${PLAN}<ul><li>one</li></ul>tail &amp; <strong>more</strong> <em>words</em><p>${END}</p>`;
    expect(await spliced(body, NEW)).toBe(
      `<p>${START}</p>${NEW}<p>${END}</p>${MOVED}${PLAN}<ul><li>one</li></ul>tail &amp; <strong>more</strong> <em>words</em>`,
    );
  });

  test.each([
    ["a word in the heading", OLD.replace("Build status", "Build status of ours"), "Build status of ours"],
    [
      "a word in the line below the table",
      `${OLD}<p>Rows left out to keep this page small, oldest first: 3. Why?</p>`,
      "Why?",
    ],
    ["a second copy of the table", OLD + OLD, OLD],
    [
      "a copy of the table of another release",
      OLD + OLD.replace(">For<", ">Branch or environment<"),
      ">Branch or environment<",
    ],
    [
      "a table with some of our columns",
      "<table><tbody><tr><th>Pipeline</th><th>State</th></tr></tbody></table>",
      "Pipeline",
    ],
    [
      "our table inside a panel",
      `<ac:structured-macro ac:name="panel"><ac:rich-text-body>${OLD}</ac:rich-text-body></ac:structured-macro>`,
      "panel",
    ],
    ["a picture in a paragraph", "<p><ac:image><ri:attachment ri:filename='a.png' /></ac:image></p>", "a.png"],
    ["a date", '<time datetime="2026-11-02" />', "2026-11-02"],
    ["a comment in the markup", "<!-- why -->", "<!-- why -->"],
    ["an anchor", `<p>${anchor("plan")}</p>`, anchor("plan")],
    ["a rule", "<hr/>", "<hr/>"],
  ])("can be %s", async (_, content, kept) => {
    const splice = await spliceRegion(region(content), NEW, of("append"));
    expect(splice).toMatchObject({ moved: expect.stringContaining(kept) });
    expect(await spliced(region(content), NEW)).toContain(`${region(NEW)}${MOVED}`);
  });

  test("is not blank paragraphs, nor what earlier releases wrote", async () => {
    const earlier = (...columns: readonly string[]) =>
      `<p><strong>Build status</strong></p><table><tbody><tr>${columns.map((title) => `<th>${title}</th>`).join("")}</tr></tbody></table>`;
    for (const content of [
      `<p /><p>&nbsp;</p><p><br /></p><p>&#8203;</p>\n<div><span> </span></div>${OLD}<br/>`,
      `${earlier("Pipeline", "State", "Build", "Commit", "Started by", "Duration", "As of")}<p>Not shown: the 3 pipelines that ran longest ago.</p>`,
      earlier("Pipeline", "Branch or environment", "State", "Run", "Commit", "Started by", "Duration", "As of"),
      `${OLD}<p>Rows left out to keep this page small, oldest first: 12.</p>`,
      `${OLD}${MOVED}`,
    ]) {
      expect(await spliced(region(content), NEW)).toBe(region(NEW));
      expect(await spliced(region(asSavedByEditor(content)), NEW)).toBe(region(NEW));
    }
  });

  test("goes below the line that stands there already, and is moved again if somebody moves it back", async () => {
    const once = await spliced(`${region(OLD + NOTE)}<p>after</p>`, NEW);
    const back = once.replace(NOTE, "").replace("</ac:rich-text-body>", `${NOTE}</ac:rich-text-body>`);
    expect(await spliced(back, NEW)).toBe(once);
    const withLine = once
      .replace(MOVED + NOTE, "")
      .replace("</ac:rich-text-body>", `${MOVED}${NOTE}</ac:rich-text-body>`);
    expect(await spliced(withLine, NEW)).toBe(once);
    const another = once.replace("</ac:rich-text-body>", `${PLAN}</ac:rich-text-body>`);
    expect(await spliced(another, NEW)).toBe(`${region(NEW)}${MOVED}${PLAN}${NOTE}<p>after</p>`);
  });

  test.each([
    ["a paragraph", `<p>x ${region(OLD + NOTE)} y</p>`, `<p>x ${region(NEW)} y</p>${MOVED}${NOTE}`],
    [
      "a list in a cell",
      `<table><tbody><tr><td><ul><li>${region(OLD + NOTE)}</li></ul></td></tr></tbody></table>`,
      `<table><tbody><tr><td><ul><li>${region(NEW)}</li></ul>${MOVED}${NOTE}</td></tr></tbody></table>`,
    ],
    [
      "a cell of a layout",
      `<ac:layout><ac:layout-section ac:type="single"><ac:layout-cell>${region(OLD + NOTE)}</ac:layout-cell></ac:layout-section></ac:layout>`,
      `<ac:layout><ac:layout-section ac:type="single"><ac:layout-cell>${region(NEW)}${MOVED}${NOTE}</ac:layout-cell></ac:layout-section></ac:layout>`,
    ],
  ])("goes where a block may stand if the region is in %s", async (_, body, expected) => {
    expect(await spliced(body, NEW)).toBe(expected);
  });
});

describe("what people added to the table", () => {
  const table = renderRegion(boardOf("ci/docs", "ci/web"));
  const name = "<td>ci/docs (tekton)</td>";
  const kept = (rows: string) => `${region(NEW)}${MOVED}<table><tbody>${rows}</tbody></table>`;

  test("a row of a person is moved below the region", async () => {
    const row = '<tr  class="a"><td>Rehearsal</td><td>on Monday</td><td /><td /><td /><td /><td /><td>Kim</td></tr>';
    expect(await spliced(region(table.replace("</tbody>", `${row}</tbody>`)), NEW)).toBe(kept(row));
    const lozenge = row.replace(
      "on Monday",
      '<ac:structured-macro ac:name="status"><ac:parameter ac:name="title">PLANNED</ac:parameter></ac:structured-macro>',
    );
    expect(await spliced(region(table.replace("</tbody>", `${lozenge}</tbody>`)), NEW)).toBe(kept(lozenge));
  });

  test("a row of a person is moved also if it has a name in brackets and a lozenge like the bridge's", async () => {
    const [, state = ""] = /<td>ci\/docs \(tekton\)<\/td>(<td>.*?<\/td>)/.exec(table) ?? [];
    const row = `<tr><td>Smoke test (by hand)</td>${state}<td>main</td><td /><td /><td>Kim</td><td />  </tr>`;
    expect(await spliced(region(table.replace("</tbody>", `${row}</tbody>`)), NEW)).toBe(kept(row));
  });

  test("a row with merged cells is moved as it is", async () => {
    const row = '<tr><td colspan="8">Frozen until Friday</td></tr>';
    expect(await spliced(region(table.replace("</tbody>", `${row}</tbody>`)), NEW)).toBe(kept(row));
  });

  test("the cells of a person's column are moved with the names of their rows", async () => {
    const withColumn = table
      .replace("<th>As of</th>", "<th>Owner</th><th>As of</th>")
      .replace(/(ci\/docs.*?)(<td><time[^>]*> 09:01.UTC<\/td><\/tr>)/, "$1<td><b>Lou</b></td>$2")
      .replace(/(ci\/web.*?)(<td><time[^>]*> 09:01.UTC<\/td><\/tr>)/, "$1<td><p>&nbsp;</p></td>$2");
    expect(withColumn).not.toBe(table);
    expect(await spliced(region(withColumn), NEW)).toBe(
      kept(`<tr><th>Pipeline</th><th>Owner</th></tr><tr>${name}<td><b>Lou</b></td></tr>`),
    );
  });

  test("of two columns with one title neither is taken for the bridge's", async () => {
    const withColumn = table
      .replace("<th>Run</th>", "<th>Run</th><th>Run</th>")
      .replace(/<td>main<\/td>/g, "<td>main</td><td>runs at night</td>");
    expect(withColumn).not.toBe(table);
    expect(await spliced(region(withColumn), NEW)).toContain("<td>runs at night</td>");
  });

  test.each([
    ["a second paragraph", "<td><p>main</p><p>frozen</p></td>"],
    ["a list", "<td>main<ul><li>frozen</li></ul></td>"],
    ["a picture", "<td>main<ac:image><ri:attachment ri:filename='a.png' /></ac:image></td>"],
    ["a table of its own", "<td>main<table><tbody><tr><td>frozen</td></tr></tbody></table></td>"],
  ])("a cell with %s is moved with the name of its row", async (_, cell) => {
    expect(await spliced(region(table.replace("<td>main</td>", cell)), NEW)).toBe(kept(`<tr>${name}${cell}</tr>`));
  });

  test("blank rows and columns, another order of columns, and a change inside a cell's line leave nothing behind", async () => {
    const row = `<tr>${"<td><p /></td>".repeat(8)}</tr>`;
    const swapped = table
      .replace("<th>Pipeline</th><th>State</th>", "<th>State</th><th>Pipeline</th>")
      .replaceAll(/(<td>ci\/\w+ \(tekton\)<\/td>)(<td>.*?<\/td>)/g, "$2$1");
    for (const changed of [
      table.replace("</tbody>", `${row}</tbody>`),
      table.replaceAll("</tr>", "<td /></tr>"),
      swapped,
      table.replace("<td>main</td>", "<td>main, <strong>frozen</strong></td>"),
    ]) {
      expect(changed).not.toBe(table);
      expect(await spliced(region(changed), NEW)).toBe(region(NEW));
    }
  });
});

describe("what people added to the expand macro", () => {
  const many = renderRegion(boardOf(...Array.from({ length: 12 }, (_, index) => `ci/p${index}`)));
  const titled = (title: string) =>
    many.replace(/(?<="title">)12 passed(?=<\/ac:parameter><ac:rich-text-body>)/, title);

  test("another title is moved below the region", async () => {
    expect(titled("Ask Kim &amp; Lou first")).not.toBe(many);
    expect(await spliced(region(titled("Ask Kim &amp; Lou first")), NEW)).toBe(
      `${region(NEW)}${MOVED}<p>Ask Kim &amp; Lou first</p>`,
    );
  });

  test.each(["12 passed", "2 timed out · 1 not shown", " ", "1&#32;failed"])(
    "the title %j leaves nothing behind",
    async (title) => {
      expect(await spliced(region(titled(title)), NEW)).toBe(region(NEW));
    },
  );
});

describe("elements nested in each other", () => {
  const nested = (start: string, end: string) => `${start.repeat(20_000)}words${end.repeat(20_000)}`;
  const expands = nested(
    '<ac:structured-macro ac:name="expand"><ac:rich-text-body>',
    "</ac:rich-text-body></ac:structured-macro>",
  );

  test.each([
    ["elements of a line", nested("<span>", "</span>")],
    ["paragraphs", nested("<p>", "</p>")],
    ["expand macros", expands],
  ])("20,000 %s are moved like anything else that people wrote", async (_, words) => {
    expect(await spliced(region(OLD + words), NEW)).toBe(`${region(NEW)}${MOVED}${words}`);
  });

  test("20,000 of them in a cell are moved with it", async () => {
    const cell = `<td>${nested("<span>", "</span>")}</td>`;
    const table = NEW.replace("<td>main</td>", cell);
    expect(await spliced(region(table), NEW)).toContain(`${region(NEW)}${MOVED}<table><tbody><tr>`);
    expect(await spliced(region(table), NEW)).toContain(cell);
  });
});

describe("a new region", () => {
  test.each([
    ["Cloud", ON_CLOUD, /^<ac:structured-macro ac:name="excerpt">.*<ac:parameter ac:name="name">drawbridge:98310</],
    [
      "Data Center",
      ON_DATA_CENTER,
      /^<p><ac:structured-macro ac:name="anchor"><ac:parameter ac:name="">drawbridge:98310-start</,
    ],
  ])("of %s has the product's form, and is found again", async (_, form, expected) => {
    const body = await spliced("<p>a</p>", OLD, form);
    expect(body.replace("<p>a</p>", "")).toMatch(expected);
    expect(await spliceRegion(asSavedByEditor(asStored(body)), OLD, of("append", form))).toEqual({ kind: "unchanged" });
  });

  test.each([
    ["an excerpt", region(OLD), region(NEW), ON_DATA_CENTER],
    ["anchors", between(OLD), between(NEW), ON_CLOUD],
  ])("is not made beside %s: a region keeps its form", async (_, body, expected, form) => {
    expect(await spliced(body, NEW, form)).toBe(expected);
  });

  describe.each([
    ["Cloud", ON_CLOUD],
    ["Data Center", ON_DATA_CENTER],
  ])("on a page of %s with a layout", (_, form) => {
    test.each(Object.entries(LAYOUT_DOCUMENTS))("goes into a section of its own behind %s", async (_, document) => {
      const body = await spliced(document, NEW, form);
      const [before = "", after = ""] = document.split(/(?=<\/ac:layout>)/);
      expect(body.startsWith(before)).toBe(true);
      expect(body.endsWith(after)).toBe(true);
      const added = body.slice(before.length, body.length - after.length);
      expect(parseStorage(added)).toMatchObject([
        {
          name: "ac:layout-section",
          attributes: { "ac:type": form.section },
          children: [{ name: "ac:layout-cell" }],
        },
      ]);
      expect(await spliceRegion(asStored(body), NEW, of("append", form))).toEqual({ kind: "unchanged" });
      expect((await spliced(body, OLD, form)).length).toBeLessThan(body.length);
    });
  });

  test.each([
    ["text behind the layout", `${LAYOUT_DOCUMENTS["single"]}<p>a</p>`],
    ["a layout without sections", "<ac:layout />"],
    ["a layout inside another element", `<div>${LAYOUT_DOCUMENTS["single"]}</div>`],
    ["no content", ""],
  ])("stands at the end of a page with %s", async (_, document) => {
    expect(await spliced(document, NEW)).toBe(document + (await spliced("", NEW)));
  });
});

describe("a page of a megabyte", () => {
  const filled = (piece: string): string => piece.repeat(Math.ceil(1_000_000 / piece.length));

  test.each([
    ["short elements beside it", filled("<b></b>"), (words: string) => words + region(OLD)],
    ["deep elements beside it", "<b>".repeat(140_000) + "</b>".repeat(140_000), (words: string) => words + region(OLD)],
    ["paragraphs inside it", filled("<p>x</p>"), (words: string) => region(OLD + words)],
    ["a table inside it", `<table>${filled("<tr><td>x</td></tr>")}</table>`, (words: string) => region(OLD + words)],
  ])("lets other work run while its region is replaced, with %s", async (_, words, page) => {
    let turns = 0;
    let isDone = false;
    const turn = (): void => {
      turns += 1;
      if (!isDone) setImmediate(turn);
    };
    setImmediate(turn);
    const changed = await spliced(page(words), NEW);
    isDone = true;
    expect(turns).toBeGreaterThan(10);
    expect(changed.includes(words)).toBe(true);
    expect(changed.includes(region(NEW))).toBe(true);
  });

  test("a bridge's table is not looked for behind a thousand elements of people", async () => {
    const words = "<p>x</p>".repeat(1_000);
    expect(await spliced(region(words + OLD), NEW)).toBe(`${region(NEW)}${MOVED}${words}${OLD}`);
    expect(await spliced(region(words.slice(8 * 10) + OLD), NEW)).toBe(`${region(NEW)}${MOVED}${words.slice(8 * 10)}`);
  });
});

describe("a region on any page", () => {
  const content = fc.constantFrom(OLD, NEW, renderRegion(boardOf("ci/docs", "ci/a'b", "x & <y>")));

  test("a new region changes nothing else, and adding it again changes nothing", async () => {
    await fc.assert(
      fc.asyncProperty(
        storageDocument,
        content,
        fc.constantFrom(ON_CLOUD, ON_DATA_CENTER),
        async (body, added, form) => {
          const append = of("append", form);
          const once = await spliced(body, added, form);
          expect(isInsertionInto(body, once)).toBe(true);
          expect(await spliceRegion(once, added, append)).toEqual({ kind: "unchanged" });
          expect(await spliceRegion(asStored(once), added, append)).toEqual({ kind: "unchanged" });
          const edited = asSavedByEditor(asStored(once));
          expect(await spliceRegion(edited, added, append)).toEqual({ kind: "unchanged" });
          expect(await spliceRegion(asSavedByEditor(edited), added, append)).toEqual({ kind: "unchanged" });
        },
      ),
    );
  });

  test("the resulting page does not depend on the content that was shown before", async () => {
    await fc.assert(
      fc.asyncProperty(storageDocument, content, content, async (body, before, added) => {
        fc.pre(before !== added);
        expect(await spliced(await spliced(body, before), added)).toBe(await spliced(body, added));
      }),
    );
  });

  test.each([
    ["an excerpt", region("content").split("content")],
    ["anchors", [START, END]],
  ])("every byte outside of %s stays as it is", async (_, [open = "", close = ""]) => {
    await fc.assert(
      fc.asyncProperty(splitDocument, content, content, async ([before, after], old, added) => {
        const splice = await spliceRegion(`${before}${open}${old}${close}${after}`, added, of("append"));
        if (splice.kind === "unchanged") return;
        const body = `${before}${open}${added}${close}${after}`;
        expect(splice).toMatchObject({ kind: "changed", body });
        expect(await spliceRegion(body, added, of("append"))).toEqual({ kind: "unchanged" });
      }),
    );
  });

  test("any content inside a region is kept", async () => {
    await fc.assert(
      fc.asyncProperty(splitDocument, storageDocument, content, async ([before, after], persons, added) => {
        const kept = `<hr/>${persons}<hr/>`;
        const body = await spliced(`${before}${region(OLD + kept)}${after}`, added);
        expect(body).toBe(`${before}${region(added)}${MOVED}${kept}${after}`);
      }),
    );
  });

  test("replacing a region never throws, whatever the text", async () => {
    await fc.assert(fc.asyncProperty(fc.string(), async (body) => void (await spliceRegion(body, NEW, of("append")))));
  });
});
