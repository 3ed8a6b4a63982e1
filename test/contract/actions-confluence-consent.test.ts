import { afterEach, describe, expect, it } from "vitest";
import { type CallOut, callOut } from "../../shared/host/call-out.ts";
import { memoryBoards } from "../support/memory-stores.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { type Bench, type BenchOptions, benchFor, buildEntry } from "../support/sandbox-confluence-action.ts";
import type { PageSeed } from "../support/sandbox-confluence-site.ts";

const PAGE = "98310";
const OWN_REGION = `<ac:structured-macro ac:name="excerpt"><ac:parameter ac:name="name">drawbridge</ac:parameter><ac:rich-text-body></ac:rich-text-body></ac:structured-macro>`;

let sandbox: SandboxConfluence;
afterEach(() => sandbox?.close());

describe.each(["cloud", "data-center"] as const)("a page on %s", (product) => {
  async function start(seed: PageSeed = {}, changes: BenchOptions = {}): Promise<Bench> {
    sandbox = await startSandboxConfluence({ product, pages: [{ id: PAGE, ...seed }] });
    return benchFor(sandbox, product, changes);
  }
  const LINKED: BenchOptions = { options: { page: undefined } };
  const link = (): string => `As in ${sandbox.site(product)}/spaces/ENG/pages/${PAGE}/Release+4`;
  const built = (number: number) => buildEntry({ number, message: link() });
  const versions = (): number => sandbox.page(PAGE).versions.length;
  const shows = (number: number): boolean => sandbox.page(PAGE).latest.body.includes(`/runs/${number}`);
  const regionName = (region: string): string =>
    product === "cloud"
      ? `<ac:parameter ac:name="name">${region}:${PAGE}</ac:parameter>`
      : `<ac:parameter ac:name="">${region}:${PAGE}-start</ac:parameter>`;
  const removeRegion = () => {
    expect(sandbox.page(PAGE).latest.body).toContain(regionName("drawbridge"));
    sandbox.humanEdit(PAGE, () => "<p>Without it.</p>");
  };

  describe("that only a text links to", () => {
    it("it gets no region unasked, and the timeline names the label that asks for one", async () => {
      const bench = await start({}, LINKED);
      expect(await bench.run(built(1))).toEqual({
        outcome: "done",
        summary: `page ${PAGE} has no status region, and gets none: the label drawbridge on the page asks for one`,
      });
      expect(versions()).toBe(1);
    });

    it("it gets a region as soon as it has the label, and keeps it when the label goes", async () => {
      const bench = await start({}, LINKED);
      await bench.run(built(1));
      sandbox.change(PAGE, { labels: ["drawbridge"] });
      await bench.run(built(2));
      expect(shows(2)).toBe(true);
      sandbox.change(PAGE, { labels: [] });
      await bench.run(built(3));
      expect(shows(3)).toBe(true);
    });

    it("it is written if a person has set a region on it", async () => {
      const bench = await start({ body: OWN_REGION }, LINKED);
      await bench.run(built(1));
      expect(shows(1)).toBe(true);
    });

    it("it gets a region if the route appends to every page", async () => {
      const bench = await start({}, { options: { page: undefined, whenMissing: "append" } });
      await bench.run(built(1));
      expect(shows(1)).toBe(true);
    });

    it("it gets a region if it documents the pipeline", async () => {
      const body =
        '<ac:structured-macro ac:name="details"><ac:rich-text-body><table><tbody><tr><th>Pipeline</th><td>ci/docs</td></tr></tbody></table></ac:rich-text-body></ac:structured-macro>';
      const options = { page: undefined, documentedBy: "status-docs" };
      const bench = await start({ body, labels: ["status-docs"] }, { options });
      await bench.run(built(1));
      expect(shows(1)).toBe(true);
      expect(versions()).toBe(2);
    });
  });

  describe("with the label drawbridge-off", () => {
    const WAYS: readonly (readonly [string, PageSeed, BenchOptions])[] = [
      ["the route names it", {}, {}],
      ["the route names it and it has the other label too", { labels: ["drawbridge-off", "drawbridge"] }, {}],
      ["a text links to it and it has a region", { body: OWN_REGION }, LINKED],
      ["the label is behind two hundred others", { labels: [...manyLabels(210), "drawbridge-off"] }, {}],
      ["only this bridge is meant", { labels: ["staging-off"] }, { target: { region: "staging" } }],
      ["every bridge is meant", {}, { target: { region: "staging" } }],
    ];
    it.each(WAYS)("it is not written if %s", async (_, seed, changes) => {
      const bench = await start({ labels: ["drawbridge-off"], ...seed }, changes);
      expect(await bench.run(built(1))).toMatchObject({
        outcome: "done",
        summary: expect.stringMatching(/page 98310 is not written: it has the label (drawbridge|staging)-off/),
      });
      expect(versions()).toBe(1);
    });

    it("its region stays as it is until the label goes, and then shows the newest state", async () => {
      const bench = await start();
      await bench.run(built(1));
      sandbox.change(PAGE, { labels: ["drawbridge-off"] });
      await bench.run(built(2));
      expect([shows(1), versions()]).toEqual([true, 2]);
      sandbox.change(PAGE, { labels: [] });
      await bench.run(built(3));
      expect(shows(3)).toBe(true);
    });

    it.each(["my:drawbridge-off", "other-off"])("the label %s does not count", async (label) => {
      const bench = await start({ labels: [label] });
      await bench.run(built(1));
      expect(shows(1)).toBe(true);
    });
  });

  describe("whose region a person removed", () => {
    const LOST = `page ${PAGE} lost its status region after version 2, and gets none again: the label drawbridge on the page asks for one`;

    it.each(["append", undefined])("it gets none again, also with whenMissing: %s", async (whenMissing) => {
      const bench = await start({}, { options: { whenMissing } });
      await bench.run(built(1));
      removeRegion();
      for (const number of [2, 3])
        expect(await bench.run(built(number))).toMatchObject({ outcome: "done", summary: LOST });
      expect(versions()).toBe(3);
    });

    it("it gets one again while it has the label", async () => {
      const bench = await start();
      await bench.run(built(1));
      removeRegion();
      await bench.run(built(2));
      sandbox.change(PAGE, { labels: ["drawbridge"] });
      await bench.run(built(3));
      expect(shows(3)).toBe(true);
    });

    it("it is written again if a person restores the region or sets one", async () => {
      const bench = await start();
      await bench.run(built(1));
      const withRegion = sandbox.page(PAGE).latest.body;
      removeRegion();
      await bench.run(built(2));
      sandbox.humanEdit(PAGE, () => withRegion);
      await bench.run(built(3));
      expect(shows(3)).toBe(true);
      removeRegion();
      sandbox.humanEdit(PAGE, () => OWN_REGION);
      await bench.run(built(4));
      expect(shows(4)).toBe(true);
    });

    it("another process of the bridge remembers it, and another bridge does not", async () => {
      const boards = memoryBoards();
      const bench = await start({}, { boards });
      await bench.run(built(1));
      removeRegion();
      expect(await benchFor(sandbox, product, { boards }).run(built(2))).toMatchObject({ summary: LOST });
      await benchFor(sandbox, product, { target: { region: "staging" } }).run(built(2));
      expect(sandbox.page(PAGE).latest.body).toContain(regionName("staging"));
    });

    it("a region with a new name is appended, because nobody has removed that one", async () => {
      const boards = memoryBoards();
      const bench = await start({}, { boards });
      await bench.run(built(1));
      await benchFor(sandbox, product, { boards, target: { region: "builds" } }).run(built(2));
      expect(sandbox.page(PAGE).latest.body).toContain(regionName("builds"));
    });
  });

  describe("that the target does not list", () => {
    const EXCLUDED: readonly (readonly [string, object, RegExp])[] = [
      ["its space is another", { spaces: ["DOCS", "EN"] }, /its space ENG is not in the target's "spaces"/],
      ["the target lists other pages", { pages: ["7"] }, /it is not in the target's "pages"/],
      ["neither lists it", { spaces: ["DOCS"], pages: ["7"] }, /its space ENG is not in the target's "spaces"/],
    ];
    it.each(EXCLUDED)("it is not written if %s", async (_, target, says) => {
      const bench = await start({ body: OWN_REGION, labels: ["drawbridge"] }, { target });
      expect(await bench.run(built(1))).toMatchObject({ outcome: "done", summary: expect.stringMatching(says) });
      expect(versions()).toBe(1);
    });

    it.each([
      { spaces: ["ENG"] },
      { spaces: ["eng"] },
      { spaces: ["E*"] },
      { pages: [PAGE] },
      { spaces: ["DOCS"], pages: [PAGE] },
    ])("a listed page is written: %o", async (target) => {
      const bench = await start({}, { target });
      await bench.run(built(1));
      expect(shows(1)).toBe(true);
    });

    it("it is not written any more once it has moved to another space, and again when it is back", async () => {
      const bench = await start({}, { target: { spaces: ["ENG"] } });
      await bench.run(built(1));
      sandbox.change(PAGE, { space: "HR" });
      expect(await bench.run(built(2))).toMatchObject({ summary: expect.stringContaining("its space HR") });
      sandbox.change(PAGE, { space: "ENG" });
      await bench.run(built(3));
      expect([shows(3), versions()]).toEqual([true, 3]);
    });

    it("it is not written if Confluence does not name its space, and the target lists spaces", async () => {
      const withoutSpace: CallOut = async (request) => {
        const answer = await callOut(request);
        const { space: _, spaceId: __, ...page } = JSON.parse(Buffer.from(answer.body).toString("utf8"));
        return { ...answer, body: Buffer.from(JSON.stringify(page)) };
      };
      const bench = await start({}, { target: { spaces: ["ENG"] }, callOut: withoutSpace });
      expect(await bench.run(built(1))).toMatchObject({ summary: expect.stringContaining("does not name its space") });
      await benchFor(sandbox, product, { callOut: withoutSpace }).run(built(2));
      expect([shows(2), versions()]).toEqual([true, 2]);
    });

    it("a page that is excluded later is not written, whatever its board has", async () => {
      const boards = memoryBoards();
      const bench = await start({}, { boards });
      await bench.run(built(1));
      const later = benchFor(sandbox, product, { boards, target: { spaces: ["DOCS"] } });
      expect(await later.run(built(2))).toMatchObject({ summary: expect.stringContaining("is not written") });
      expect(versions()).toBe(2);
    });
  });
});

describe("the key of a space on Cloud", () => {
  it("a failed look-up is retried, and a page is not written without it", async () => {
    sandbox = await startSandboxConfluence({ product: "cloud", pages: [{ id: PAGE }] });
    const bench = benchFor(sandbox, "cloud", { target: { spaces: ["ENG"] } });
    sandbox.failNext({ on: "space", status: 503 });
    expect(await bench.run(buildEntry({ number: 1 }))).toMatchObject({ outcome: "retry" });
    sandbox.failNext({ on: "space", status: 404 });
    expect(await bench.run(buildEntry({ number: 1 }))).toMatchObject({
      outcome: "give_up",
      summary: expect.stringContaining("no such space"),
    });
    expect(sandbox.page(PAGE).versions).toHaveLength(1);
  });

  it("it is looked up once", async () => {
    sandbox = await startSandboxConfluence({ product: "cloud", pages: [{ id: PAGE }] });
    const bench = benchFor(sandbox, "cloud", { target: { spaces: ["ENG"] } });
    await bench.run(buildEntry({ number: 1 }));
    sandbox.failNext({ on: "space", status: 503 });
    expect(await bench.run(buildEntry({ number: 2 }))).toMatchObject({ outcome: "done" });
  });
});

function manyLabels(count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `label-${at}`);
}
