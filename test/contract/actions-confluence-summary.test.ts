import { afterEach, describe, expect, it } from "vitest";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import type { SummaryPart } from "../../shared/model/event.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { type Bench, type BenchOptions, benchFor, buildEntry, entryOf } from "../support/sandbox-confluence-action.ts";
import type { PageSeed } from "../support/sandbox-confluence-site.ts";

const PAGE = "98310";
const EXCERPT = `<ac:structured-macro ac:name="excerpt"><ac:parameter ac:name="name">drawbridge-summary</ac:parameter><ac:rich-text-body></ac:rich-text-body></ac:structured-macro>`;
const anchor = (side: string) =>
  `<p><ac:structured-macro ac:name="anchor"><ac:parameter ac:name="">drawbridge-summary-${side}</ac:parameter></ac:structured-macro></p>`;
const ANCHORS = anchor("start") + anchor("end");

let sandbox: SandboxConfluence;
afterEach(() => sandbox?.close());

function summaryEntry(text: string, second = 1, changes: Partial<SummaryPart> = {}): BusEvent {
  return entryOf(`d-summary-${second}`, {
    type: "summary.submitted",
    time: `2026-11-02T09:00:0${second}.000Z`,
    subject: `page ${PAGE} of wiki`,
    summary: {
      target: "wiki",
      page: PAGE,
      text,
      by: "release-notes",
      sources: [{ delivery: "d-1", what: "page.updated", subject: "98310", version: "version 7" }],
      ...changes,
    },
  });
}

describe.each(["cloud", "data-center"] as const)("a summary on %s", (product) => {
  async function start(seed: PageSeed = {}, changes: BenchOptions = {}): Promise<Bench> {
    const body = `<p>Before.</p>${product === "cloud" ? EXCERPT : ANCHORS}<p>Behind.</p>`;
    sandbox = await startSandboxConfluence({ product, pages: [{ id: PAGE, body, ...seed }] });
    return benchFor(sandbox, product, { ...changes, target: { linkHosts: ["ci.example.com"], ...changes.target } });
  }
  const versions = (): number => sandbox.page(PAGE).versions.length;
  /** Without the ids that the site adds. */
  const body = (): string =>
    sandbox.page(PAGE).latest.body.replace(/ (?:ac:)?(?:local-id|macro-id|schema-version)="[^"]*"/g, "");

  it("it is shown in its region, as a machine's text, with the principal and the sources' versions", async () => {
    const bench = await start();
    const outcome = await bench.run(
      summaryEntry("Two <b>builds</b> passed.\n\nSee https://ci.example.com/runs/7.\n- one\n- two"),
    );
    expect(outcome).toEqual({
      outcome: "done",
      summary: `page ${PAGE} shows the summary`,
      facts: { [`page ${PAGE}`]: "version 2" },
    });
    expect(body()).toContain("<th><p>Summary, written by a machine</p></th>");
    expect(body()).toContain("<p>Two &lt;b&gt;builds&lt;/b&gt; passed.</p>");
    expect(body()).toContain('<a href="https://ci.example.com/runs/7">https://ci.example.com/runs/7</a>.</p>');
    expect(body()).toContain("<ul><li><p>one</p></li><li><p>two</p></li></ul>");
    expect(body()).toContain(
      "Written by release-notes from page.updated 98310 at version 7 (d-1). No person has checked it. As of 2026-11-02T09:00:01.000Z, check ",
    );
    expect(body()).toMatch(/^<p>Before\.<\/p>.*<p>Behind\.<\/p>$/s);
    expect(sandbox.page(PAGE).latest.message).toBe("Summary by release-notes, a machine [d-summary-1]");
  });

  it("a page without the region gets none, and its status region is no place for it", async () => {
    const bench = await start({ body: "<p>Before.</p>" });
    await bench.run(buildEntry());
    expect(await bench.run(summaryEntry("Passed."))).toEqual({
      outcome: "done",
      summary: `page ${PAGE} has no region drawbridge-summary: a person has to set it`,
    });
    expect(versions()).toBe(2);
  });

  it("the same summary again, and the same text received later, write nothing", async () => {
    const bench = await start();
    await bench.run(summaryEntry("Passed.", 1));
    const first = body();
    for (const second of [1, 2, 1])
      expect(await bench.run(summaryEntry("Passed.", second))).toMatchObject({
        summary: `page ${PAGE} shows this summary already`,
      });
    expect([versions(), body()]).toEqual([2, first]);
  });

  it("a later summary replaces an earlier one, and an earlier one that comes late does not", async () => {
    const bench = await start();
    await bench.run(summaryEntry("First.", 1));
    await bench.run(summaryEntry("Third.", 3));
    expect(await bench.run(summaryEntry("Second.", 2))).toEqual({
      outcome: "done",
      summary: `page ${PAGE} shows a later summary`,
    });
    expect(body()).toContain("Third.");
    expect(body()).not.toMatch(/First\.|Second\./);
  });

  it("of summaries that are written at the same time, the latest stays", async () => {
    const bench = await start();
    const outcomes = await Promise.all(
      [3, 1, 4, 2].map((second) => bench.run(summaryEntry(`Text ${second}.`, second))),
    );
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(["done", "done", "done", "done"]);
    expect(body()).toContain("Text 4.");
    expect(body()).not.toMatch(/Text [123]\./);
  });

  it("an attempt that was cut off after its write finds its own text", async () => {
    const bench = await start();
    sandbox.failNext({ on: "PUT", status: "none", landed: true });
    expect(await bench.run(summaryEntry("Passed."))).toMatchObject({ outcome: "retry", unknownOutcome: true });
    expect(await bench.run(summaryEntry("Passed."))).toMatchObject({
      outcome: "done",
      summary: `page ${PAGE} shows this summary already`,
    });
    expect(versions()).toBe(2);
  });

  it("what a person wrote in the region is moved behind it, once, and stays", async () => {
    const bench = await start();
    await bench.run(summaryEntry("First.", 1));
    sandbox.humanEdit(PAGE, (text) => text.replace("</tbody></table>", "</tbody></table><p>Checked by Kim.</p>"));
    expect(await bench.run(summaryEntry("Second.", 2))).toMatchObject({
      summary: `page ${PAGE} shows the summary, and what people wrote inside the region was moved to below it`,
    });
    await bench.run(summaryEntry("Third.", 3));
    expect(body().match(/Checked by Kim\.|Third\.|First\.|Second\.|moved here/g)).toEqual([
      "Third.",
      "moved here",
      "Checked by Kim.",
    ]);
  });

  it("a person's change of the text itself is kept whole below the region", async () => {
    const bench = await start();
    await bench.run(summaryEntry("Two builds passed.", 1));
    sandbox.humanEdit(PAGE, (text) => text.replace("Two builds passed.", "Two builds passed, and one was mine."));
    await bench.run(summaryEntry("Three builds passed.", 2));
    expect(body().match(/Three builds passed\.|Two builds passed, and one was mine\./g)).toEqual([
      "Three builds passed.",
      "Two builds passed, and one was mine.",
    ]);
  });

  it("a person who makes a word bold adds no words, so nothing is moved", async () => {
    const bench = await start();
    await bench.run(summaryEntry("Two builds passed.", 1));
    sandbox.humanEdit(PAGE, (text) => text.replace("builds", "<strong>builds</strong>"));
    await bench.run(summaryEntry("Three builds passed.", 2));
    expect(body()).not.toContain("moved here");
  });

  it("the status region and the summary stay apart, whatever the order", async () => {
    const bench = await start();
    for (const number of [1, 2, 3]) {
      await bench.run(buildEntry({ number }));
      await bench.run(summaryEntry(`Text ${number}.`, number));
    }
    expect(body()).toContain("Text 3.");
    expect(body()).toContain("#3");
    expect(body()).not.toContain("moved here");
  });

  it("the summary is kept with its region if a person put that into the status region", async () => {
    const bench = await start();
    await bench.run(buildEntry({ number: 1 }));
    await bench.run(summaryEntry("Text 1.", 1));
    sandbox.humanEdit(PAGE, (text) => {
      const [summary = ""] = /<p[^>]*>Before\..*Behind\.<\/p>/s.exec(text) ?? [];
      return text.replace(summary, "").replace(/<p[^>]*><strong>Build status/, (heading) => summary + heading);
    });
    await bench.run(buildEntry({ number: 2 }));
    expect(body().match(/Text 1\.|#2|moved here/g)).toEqual(["#2", "moved here", "Text 1."]);
    await bench.run(summaryEntry("Text 2.", 2));
    expect(body().match(/Text \d\.|#2/g)).toEqual(["#2", "Text 2."]);
  });

  it("the status is kept with its region if a person put that into the region of the summary", async () => {
    const bench = await start();
    await bench.run(summaryEntry("Text 1.", 1));
    await bench.run(buildEntry({ number: 1 }));
    sandbox.humanEdit(PAGE, (text) => {
      const [, status = ""] = /Behind\.<\/p>(.*)$/s.exec(text) ?? [];
      return text.replace(status, "").replace(/<table(?=(?:(?!<table).)*Summary, written)/s, (table) => status + table);
    });
    await bench.run(summaryEntry("Text 2.", 2));
    expect(body().match(/Text \d\.|#1|moved here/g)).toEqual(["Text 2.", "moved here", "#1"]);
    await bench.run(buildEntry({ number: 2 }));
    expect(body().match(/Text \d\.|#\d/g)).toEqual(["Text 2.", "#2"]);
  });

  it("a region that has only a person's content is not written", async () => {
    const bench = await start({ body: `${anchor("start")}<p>My own summary.</p>${anchor("end")}` });
    const filled = body();
    expect(await bench.run(summaryEntry("Passed."))).toMatchObject({ outcome: "give_up" });
    expect(body()).toBe(filled);
  });

  it.each([
    ["it has the label drawbridge-off", { labels: ["drawbridge-off"] }, {}],
    ["it has the label drawbridge-summary-off", { labels: ["drawbridge-summary-off"] }, {}],
    ["the target lists other pages", {}, { pages: ["7"] }],
    ["the target lists other spaces", {}, { spaces: ["OTHER"] }],
  ] as const)("the page is not written if %s", async (_, seed, target) => {
    const bench = await start({ ...seed, labels: [...("labels" in seed ? seed.labels : [])] }, { target });
    expect(await bench.run(summaryEntry("Passed."))).toMatchObject({
      outcome: "done",
      summary: expect.stringContaining(`page ${PAGE} is not written`),
    });
    expect(versions()).toBe(1);
  });

  it("a summary for another target is not written here", async () => {
    const bench = await start();
    expect(await bench.run(summaryEntry("Passed.", 1, { target: "other" }))).toEqual({
      outcome: "done",
      summary: "the summary is for the target other",
    });
    expect(versions()).toBe(1);
  });

  it("the region of a target with another name has that name", async () => {
    const named = (product === "cloud" ? EXCERPT : ANCHORS).replaceAll("drawbridge-summary", "staging-summary");
    const bench = await start({ body: named }, { target: { region: "staging" } });
    await bench.run(summaryEntry("Passed."));
    expect(body()).toContain("Passed.");
  });
});
