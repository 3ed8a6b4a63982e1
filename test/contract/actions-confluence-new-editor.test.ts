import { afterEach, describe, expect, test } from "vitest";
import { type CallOut, callOut } from "../../shared/host/call-out.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { type Bench, type BenchOptions, benchFor, buildEntry, entryOf } from "../support/sandbox-confluence-action.ts";
import { type Adf, parseAdf } from "../support/sandbox-confluence-adf.ts";
import { type PageSeed, storageOf } from "../support/sandbox-confluence-site.ts";

const PAGE = "98310";
const paragraph = (text: string): Adf => ({ type: "paragraph", content: [{ type: "text", text }] });
const excerpt = (name: string, ...content: readonly Adf[]): Adf => ({
  type: "bodiedExtension",
  attrs: {
    extensionType: "com.atlassian.confluence.macro.core",
    extensionKey: "excerpt",
    parameters: { macroParams: { name: { value: name } } },
  },
  content,
});
const doc = (...content: readonly Adf[]): string => JSON.stringify({ version: 1, type: "doc", content });
const BODY = doc(
  { type: "heading", attrs: { level: 2 }, content: [{ type: "text", text: "Scope" }] },
  { type: "mediaSingle", attrs: { layout: "center", width: 33.5 }, content: [{ type: "media", attrs: { id: "a" } }] },
  paragraph("Kim and Lou"),
);

describe("a page that Cloud's new editor has saved", () => {
  let sandbox: SandboxConfluence;
  afterEach(async () => {
    expect(sandbox.conversions()).toEqual([]);
    await sandbox.close();
  });

  const start = async (seed: PageSeed = {}, changes: BenchOptions = {}): Promise<Bench> => {
    sandbox = await startSandboxConfluence({ product: "cloud", pages: [{ editor: "v2", body: BODY, ...seed }] });
    return benchFor(sandbox, "cloud", changes);
  };
  const body = () => sandbox.page(PAGE).latest.body;
  const versions = () => sandbox.page(PAGE).versions.length;
  /** What a reader sees. */
  const text = () => storageOf(sandbox.page(PAGE)).replace(/<[^>]*>/g, " ");
  const edit = (change: (content: readonly Adf[]) => readonly Adf[]) =>
    sandbox.humanEdit(PAGE, (old) => doc(...change(parseAdf(old).content ?? [])));
  const seedOf = (page: string) => page.slice(0, page.lastIndexOf("]}"));

  test("is written in its own format, and all else on it stays byte for byte", async () => {
    const bench = await start();
    const before = body();
    const outcome = await bench.run(buildEntry());
    expect(outcome).toMatchObject({ outcome: "done", facts: { "page 98310": "version 2" } });
    expect(sandbox.page(PAGE).latest.message).toBe("ci/docs PASSED [d-ci-docs-512-succeeded]");
    expect(body().startsWith(`${seedOf(before)},{"type":"bodiedExtension"`)).toBe(true);
    expect(text()).toMatch(/Build status.*ci\/docs \(tekton\).*PASSED/s);
  });

  test("is read with two calls, of which the first has its properties", async () => {
    const paths: string[] = [];
    const counting: CallOut = (request) => {
      if (request.method === "GET") paths.push(request.url.pathname + request.url.search);
      return callOut(request);
    };
    const bench = await start({}, { callOut: counting });
    await bench.run(buildEntry());
    const page = (format: string) =>
      `/wiki/api/v2/pages/98310?body-format=${format}&include-labels=true&include-properties=true`;
    expect(paths.filter((path) => path.includes("/pages/"))).toEqual([page("storage"), page("atlas_doc_format")]);
  });

  test("is not written again for the same state, also after somebody opened and saved it", async () => {
    const bench = await start();
    await bench.run(buildEntry());
    await expect(bench.run(buildEntry())).resolves.toMatchObject({ outcome: "done" });
    sandbox.editorSave(PAGE);
    await expect(benchFor(sandbox, "cloud").run(buildEntry())).resolves.toMatchObject({
      summary: "page 98310 shows this state already",
    });
    expect(versions()).toBe(3);
  });

  test("keeps what a person writes while the bridge writes, and shows the next state", async () => {
    const bench = await start();
    await bench.run(buildEntry({ state: "running" }));
    sandbox.beforeNextWrite(() => edit((content) => [paragraph("Frozen"), ...content, paragraph("Notes")]));
    await bench.run(buildEntry());
    expect(text()).toMatch(/Frozen.*Scope.*Kim and Lou.*PASSED.*Notes/s);
    expect(text()).not.toContain("RUNNING");
  });

  test("gets what people wrote in the region below it, and the timeline says so", async () => {
    const bench = await start();
    await bench.run(buildEntry({ state: "running" }));
    edit((content) =>
      content.map((node) =>
        node.type === "bodiedExtension" ? { ...node, content: [...(node.content ?? []), paragraph("OPS-12")] } : node,
      ),
    );
    await expect(bench.run(buildEntry())).resolves.toMatchObject({
      summary: "page 98310 shows the new state, and what people wrote inside the region was moved to below it",
    });
    expect(text()).toMatch(/PASSED.*The content below was moved here.*OPS-12/s);
  });

  test("keeps its version with onlyChanges if the result is the same", async () => {
    const bench = await start({}, { target: { onlyChanges: true } });
    await bench.run(buildEntry());
    await expect(bench.run(buildEntry({ number: 513 }))).resolves.toMatchObject({
      summary: "page 98310 keeps version 2: it shows the same result, and its next version shows this state",
    });
    expect(versions()).toBe(2);
  });

  test("shows a summary in its region", async () => {
    const bench = await start({ body: doc(paragraph("Before"), excerpt("drawbridge-summary", { type: "paragraph" })) });
    const summary = (words: string, second: number) =>
      entryOf(`d-summary-${second}`, {
        type: "summary.submitted",
        time: `2026-11-02T09:00:0${second}.000Z`,
        subject: `page ${PAGE} of wiki`,
        summary: { target: "wiki", page: PAGE, text: words, by: "release-notes", sources: [] },
      });
    await bench.run(summary("One.\n\n- a\n- b", 1));
    expect(text()).toMatch(/Before.*Summary, written by a machine.*One\..*a.*b.*Written by release-notes/s);
    await expect(bench.run(summary("One.\n\n- a\n- b", 2))).resolves.toMatchObject({
      summary: "page 98310 shows this summary already",
    });
    edit((content) => content.map((node) => (node.type === "bodiedExtension" ? reworded(node) : node)));
    await bench.run(summary("Two.", 3));
    expect(text()).toMatch(/Two\..*The content below was moved here.*One, as Kim sees it\./s);
  });

  test("documents what its properties list, as they read in storage format", async () => {
    const cells = ["Pipeline", "ci/docs"].map((words, index) => ({
      type: index === 0 ? "tableHeader" : "tableCell",
      content: [paragraph(words)],
    }));
    const details = {
      type: "bodiedExtension",
      attrs: { extensionType: "com.atlassian.confluence.macro.core", extensionKey: "details" },
      content: [{ type: "table", content: [{ type: "tableRow", content: cells }] }],
    };
    const options = { page: undefined, documentedBy: "drawbridge-docs" };
    const bench = await start({ body: doc(details), labels: ["drawbridge-docs"] }, { options });
    await bench.run(buildEntry());
    expect(text()).toMatch(/PASSED/);
  });

  test("is recognized although it has more properties than its response lists", async () => {
    const bench = await start({ properties: 60 });
    await bench.run(buildEntry());
    expect(text()).toContain("PASSED");
  });

  test.each<[string, PageSeed]>([
    ["has no property of an editor", { properties: 60 }],
    ["was saved in the old editor", { editor: "v1" }],
  ])("is one only by its property: a page that %s is written in storage format", async (_, seed) => {
    sandbox = await startSandboxConfluence({ product: "cloud", pages: [{ body: "<p>Kim</p>", ...seed }] });
    await benchFor(sandbox, "cloud").run(buildEntry());
    expect(body()).toMatch(/^<p[^>]*>Kim<\/p><ac:structured-macro/);
  });

  test("is not changed if it has two regions", async () => {
    const bench = await start({
      body: doc(excerpt("drawbridge", paragraph("x")), excerpt("drawbridge:98310", paragraph("x"))),
    });
    await expect(bench.run(buildEntry())).resolves.toMatchObject({ outcome: "give_up" });
    expect(versions()).toBe(1);
  });
});

const reworded = (node: Adf): Adf => JSON.parse(JSON.stringify(node).replace("One.", "One, as Kim sees it."));
