import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import type { BuildPart } from "../../shared/model/event.ts";
import { chromiumPath, openChromium } from "../support/chromium.ts";
import { codeOf } from "../support/code-lines.ts";
import { legibilityOf } from "../support/legibility.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { benchFor, buildEntry, entryOf } from "../support/sandbox-confluence-action.ts";
import { ROBIN } from "../support/sandbox-confluence-users.ts";

const executable = chromiumPath();
/** Written by each run. */
const SCREENSHOTS = join(import.meta.dirname, "../../.drawbridge/screenshots");

const NAME = "a page's status, as a reader sees it in Chromium";
const LEFT_OUT = " (left out: no chromium on PATH, and CHROMIUM_PATH is not set)";

const LONG = "platform/a-monorepo-whose-name-was-chosen-by-a-committee/deploy_everything_everywhere_".repeat(3);

/** One row for each, reported in this order. */
const BUILDS: readonly Partial<BuildPart>[] = [
  { pipeline: "ci/docs", branch: "main", number: 511, createdAt: "2026-11-02T08:30:00.000Z" },
  { pipeline: "ci/docs", branch: "main", number: 512, state: "running" },
  { pipeline: "ci/release", branch: "main", number: 77, state: "waiting", startedBy: "Kim Example" },
  { pipeline: "ci/search", branch: "label-search", number: 1204, state: "failed" },
  { pipeline: "ci/export", branch: "main", number: 9, state: "succeeded" },
  { pipeline: "ci/archive", branch: "main", number: 31, state: "cancelled" },
  { pipeline: "ci/nightly", branch: "main", number: 4, state: "timed_out" },
  { pipeline: "ci/preview", branch: "main", number: 5, state: "queued" },
  { pipeline: "ci/optional", branch: "main", number: 6, state: "skipped" },
  { pipeline: LONG, branch: LONG, number: 88, state: "running", startedBy: LONG },
  { pipeline: "ci/odd", branch: "main", number: 13, state: "failed", url: "javascript:alert(1)" },
];

const DEPLOYMENT: BusEvent = entryOf("d-deployment", {
  type: "deployment.succeeded",
  time: "2026-11-02T09:05:00.000Z",
  subject: "platform/docs",
  deployment: { project: "platform/docs", id: "41", environment: "production", state: "succeeded" },
});

/** A run whose reports stopped, as the bridge records it. */
function silent(): BusEvent {
  const { detail, ...rest } = buildEntry({ pipeline: "ci/lost", branch: "main", number: 7, state: "running" });
  const lastReport = { at: "2026-11-02T09:02:00.000Z", isOverdue: true, turn: 1 };
  return {
    ...rest,
    detail: { ...detail, replay: { of: "d-lost", routes: ["status"], isRollback: false, lastReport } },
  };
}

/** Each row's first cell, and the words of its state. */
const STATES: readonly (readonly [string, string])[] = [
  ["ci/docs (tekton)", "RUNNING last: PASSED #511"],
  ["ci/release (tekton)", "WAITING"],
  ["ci/search (tekton)", "FAILED"],
  ["ci/export (tekton)", "PASSED"],
  ["ci/archive (tekton)", "CANCELLED"],
  ["ci/nightly (tekton)", "TIMED OUT"],
  ["ci/preview (tekton)", "QUEUED"],
  ["ci/optional (tekton)", "SKIPPED"],
  ["ci/lost (tekton)", "RUNNING no report since 20261102 09:02 UTC"],
  ["platform/docs (example)", "PASSED"],
];

const WINDOWS = [
  { name: "desktop", width: 1280, height: 900, colorScheme: "light", inSight: "As of" },
  { name: "desktop-dark", width: 1280, height: 900, colorScheme: "dark", inSight: "As of" },
  { name: "phone", width: 390, height: 844, colorScheme: "light", inSight: "State" },
] as const;

describe.skipIf(executable === undefined)(executable ? NAME : NAME + LEFT_OUT, () => {
  let sandbox: SandboxConfluence;
  let browser: Browser;

  beforeAll(async () => {
    sandbox = await startSandboxConfluence();
    const bench = benchFor(sandbox, "cloud", { target: { outdated: { after: 20 } } });
    const page = { site: sandbox.site("cloud"), id: "98310" };
    const pushes = [{ project: "platform/docs", paths: ["deploy/", "runbooks/restore.md"], commits: 14 }];
    await bench.boards.changeCode(page, () => codeOf(pushes, { seen: "edited" }));
    const edit = entryOf("d-edit", {
      type: "page.updated",
      time: "2026-11-02T08:00:00.000Z",
      subject: page.id,
      actor: { id: ROBIN.accountId },
      page,
    });
    const handbook = buildEntry({ pipeline: "ci/handbook", branch: "main", number: 21 });
    expect(await bench.run(handbook, { origin: edit })).toMatchObject({ outcome: "done" });
    for (const busEvent of [...BUILDS.map(buildEntry), silent(), DEPLOYMENT]) {
      expect(await bench.run(busEvent)).toMatchObject({ outcome: "done" });
    }
    browser = await openChromium(executable ?? "");
    mkdirSync(SCREENSHOTS, { recursive: true });
  });
  afterAll(async () => {
    await browser?.close();
    await sandbox?.close();
  });

  describe.each(WINDOWS)("on a $name of $width pixels", ({ name, width, height, colorScheme, inSight }) => {
    let page: Page;
    const complaints: string[] = [];
    const rowOf = (first: string) => page.locator("tr", { has: page.getByRole("cell", { name: first, exact: true }) });

    beforeAll(async () => {
      page = await browser.newPage({ viewport: { width, height }, colorScheme });
      page.on("console", (message) => complaints.push(message.text()));
      page.on("pageerror", (error) => complaints.push(String(error)));
      page.on("requestfailed", (request) => complaints.push(`${request.url()} failed`));
      await page.goto(sandbox.pageUrl("98310").href, { waitUntil: "networkidle" });
      const file = join(SCREENSHOTS, `status-board-${name}.png`);
      await page.screenshot({ path: file, fullPage: true });
      process.stdout.write(`screenshot: ${file}\n`);
    });
    afterAll(() => page.close());

    it.each(STATES)("the state of %s is written in words: %s", async (pipeline, words) => {
      const text = await rowOf(pipeline).getByRole("cell").nth(1).innerText();
      expect(
        text
          .replaceAll(/[^\w#:\s]/g, "")
          .replaceAll(/\s+/g, " ")
          .trim(),
      ).toBe(words);
    });

    it("every text has a contrast of at least 4.5 to 1", async () => {
      const { texts } = await legibilityOf(page, "#content");
      expect(texts.map(({ text }) => text)).toEqual(expect.arrayContaining(["RUNNING", "WAITING", "FAILED", "PASSED"]));
      expect(texts.filter(({ contrast }) => contrast < 4.5)).toEqual([]);
    });

    it("the page fits its window", async () => {
      expect((await legibilityOf(page, "#content")).overflow).toBe(0);
    });

    it("each run links to its own page, and no link runs a script", async () => {
      const links = page.locator("section.excerpt a");
      const hrefs = await links.evaluateAll((all) => all.map((one) => String(one.getAttribute("href"))));
      expect(hrefs).toEqual(
        expect.arrayContaining(["https://ci.example.test/runs/512", "https://ci.example.test/runs/1204"]),
      );
      const others = hrefs.filter((href) => !href.startsWith("https://ci.example.test/runs/"));
      expect(others).toEqual([expect.stringMatching(/^https:\/\/git\.example\.test\/platform\/docs\/-\/compare\//)]);
      await expect(rowOf("ci/odd (tekton)").getByRole("link").count()).resolves.toBe(0);
      await expect(rowOf("ci/odd (tekton)").innerText()).resolves.toContain("#13");
    });

    it("the last line says how far the code moved on, and a person has a name", async () => {
      await expect(page.locator("section.excerpt").innerText()).resolves.toMatch(
        /14 commits touched deploy\/, runbooks\/restore\.md in platform\/docs since this page was edited on .{8,}\.\s*$/,
      );
      await expect(rowOf("ci/handbook (tekton)").innerText()).resolves.toContain("“Robin Example”");
    });

    it("times are readable without a clock", async () => {
      await expect(rowOf("ci/search (tekton)").innerText()).resolves.toMatch(
        /2\smin\s5\ss\s.*2026-11-02\s09:01\sUTC$/s,
      );
    });

    it(`the columns up to "${inSight}" are visible without scrolling sideways`, async () => {
      const edgeOf = async (part: Locator) => {
        const box = await part.boundingBox();
        return box ? box.x + box.width : Number.NaN;
      };
      const column = page.locator(".excerpt").getByRole("columnheader", { name: inSight, exact: true }).first();
      expect(await edgeOf(column)).toBeLessThanOrEqual(await edgeOf(page.locator(".excerpt .scroll").first()));
    });

    it("no page causes a message in the console", () => {
      expect(complaints).toEqual([]);
    });
  });

  it("a new state appears on an open page", async () => {
    const page = await browser.newPage();
    await page.goto(sandbox.pageUrl("98310").href);
    sandbox.humanEdit("98310", (body) => body.replace("QUEUED", "RUNNING"));
    await page.getByText("Version 16", { exact: true }).first().waitFor();
    expect(await page.locator("#content").innerText()).not.toContain("QUEUED");
    await page.close();
  });
});
