import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { replyBody } from "../../shared/actions/confluence/comment-reply.ts";
import { renderLayout } from "../../shared/actions/confluence/render-releases.ts";
import { renderSummary } from "../../shared/actions/confluence/summary-table.ts";
import type { BoardRow, ShownBuild } from "../../shared/model/board.ts";
import type { BuildState } from "../../shared/model/event.ts";
import { accessibilityProblems } from "../support/accessibility.ts";
import { chromiumPath, openChromium } from "../support/chromium.ts";
import { legibilityOf } from "../support/legibility.ts";
import { releasesOf } from "../support/release-rows.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";

const executable = chromiumPath();
/** Written by each run. */
const SCREENSHOTS = join(import.meta.dirname, "../../.drawbridge/screenshots");
const NAME = "a board of any size, as a reader sees it in Chromium";
const LEFT_OUT = " (left out: no chromium on PATH, and CHROMIUM_PATH is not set)";

const SIZES = [1, 5, 30, 120] as const;
const WINDOWS = [
  { name: "desktop", width: 1280, height: 900 },
  { name: "phone", width: 390, height: 844 },
] as const;

/** Titles, authors and reasons as they occur. */
const TITLES = [
  "Fix the search by label",
  "Bump the base image to 2026-10 and rebuild all layers on top of it",
  "Typo",
];
const PEOPLE = ["Ines Okafor", "Robin Example", "Kim van der Berg-Oosterhuis"];
const REASONS = ["OOMKilled: step compile used more than 5 Gi", "script_failure"];

/** Every eighth row is one that needs somebody; the first is a failure. */
function rowAt(index: number): BoardRow {
  const urgent: readonly BuildState[] = ["failed", "waiting", "running", "timed_out"];
  const state = index % 8 === 0 ? (urgent[(index / 8) % urgent.length] ?? "failed") : "succeeded";
  const pipeline = `platform/service-${index + 1}`;
  const url = `https://gitlab.example.test/platform/service-${index + 1}`;
  const minutes = String(index % 60).padStart(2, "0");
  const finishedAt = `2026-11-02T09:${minutes}:15.000Z`;
  const hasEnded = state !== "waiting" && state !== "running";
  const build: ShownBuild = {
    system: "gitlab",
    id: String(90_000 + index),
    number: 90_000 + index,
    pipeline,
    state,
    url: `${url}/-/pipelines/${90_000 + index}`,
    commit: "6c1f0de2a94b7358c0d1e2f3a4b5c6d7e8f90123",
    commitUrl: `${url}/-/commit/6c1f0de2a94b7358c0d1e2f3a4b5c6d7e8f90123`,
    title: TITLES[index % TITLES.length] ?? "",
    author: PEOPLE[index % PEOPLE.length] ?? "",
    startedAt: `2026-11-02T08:${minutes}:10.000Z`,
    reportedAt: finishedAt,
    starter: { identity: "platform-gitlab", name: PEOPLE[index % PEOPLE.length] ?? "" },
    ...(hasEnded && { finishedAt }),
    ...(state === "failed" && { reason: REASONS[index % REASONS.length] ?? "" }),
    ...(index % 5 === 4
      ? { change: { id: String(300 + index), fork: false }, changeUrl: `${url}/-/merge_requests/${300 + index}` }
      : { branch: index % 3 === 0 ? "main" : `feature/DOCS-${index}-search-by-label` }),
    ...(state === "waiting" && {
      system: "drawbridge",
      id: "p-7f3kq2",
      gate: {
        state: "requested",
        approvers: ["manager", "lead"],
        until: "2026-11-02T12:00:00.000Z",
        labels: true,
      } as const,
    }),
  };
  return { key: `/sources/platform-gitlab gitlab ${pipeline} ${index}`, build, delivery: "d-1" };
}

const rowsOf = (rows: number): readonly BoardRow[] => Array.from({ length: rows }, (_, index) => rowAt(index));
const CLOUD = { onlyChanges: true, isFlat: true };
const DATA_CENTER = { onlyChanges: false };
/** What each product gets, in each layout. */
const REGIONS = {
  "board-cloud": (rows: number): string => excerpt(renderLayout(rowsOf(rows), CLOUD, "board")),
  "board-data-center": (rows: number): string => anchored(renderLayout(rowsOf(rows), DATA_CENTER, "board")),
  "releases-cloud": (rows: number): string => excerpt(renderLayout(releasesOf(rows), CLOUD, "releases")),
  "releases-data-center": (rows: number): string => anchored(renderLayout(releasesOf(rows), DATA_CENTER, "releases")),
} as const;
const KINDS = Object.keys(REGIONS) as readonly (keyof typeof REGIONS)[];

const excerpt = (content: string): string =>
  `<ac:structured-macro ac:name="excerpt"><ac:parameter ac:name="name">drawbridge:1</ac:parameter><ac:rich-text-body>${content}</ac:rich-text-body></ac:structured-macro>`;
const anchored = (content: string): string => `${anchor("start")}${content}${anchor("end")}`;

const anchor = (side: string): string =>
  `<p><ac:structured-macro ac:name="anchor"><ac:parameter ac:name="">drawbridge:1-${side}</ac:parameter></ac:structured-macro></p>`;

const pageOf = (rows: number, kind: keyof typeof REGIONS) => ({
  id: `${95 + KINDS.indexOf(kind)}${String(rows).padStart(3, "0")}`,
  title: `${rows} rows`,
  body: `<p>What runs where.</p>${REGIONS[kind](rows)}`,
});

/** A machine's text for a page, and the reply to a comment with a command that is refused. */
const SUMMARY = renderSummary(
  {
    target: "wiki",
    page: "94001",
    by: "release-notes of agents.example.com",
    text: "Two services failed after the base image was rebuilt.\n\n- service-1 ran out of memory while it compiled\n- service-33 waits for approval, see https://gitlab.example.test/platform/docs",
    sources: [
      {
        delivery: "d-sx32klacw7esipvg5oho3jb2kb",
        what: "build.failed",
        subject: "platform/service-1",
        version: "number 90000",
      },
      { delivery: "d-twp4klpzkhwviq4i4tluhixvtv", what: "page.updated", subject: "98310", version: "version 7" },
    ],
  },
  { at: "2026-11-02T09:05:00.000Z", linkHosts: undefined },
).content;
const REPLY = replyBody([
  "You asked for this run yourself, so somebody else has to approve it.",
  "The approval p-7f3kq2 is for version 7, and the page has version 8 now.",
]);
const TEXTS = {
  id: "94001",
  title: "Texts",
  body: `<p>What runs where.</p>${anchored(SUMMARY)}<h2>A reply</h2>${REPLY}`,
};

describe.skipIf(executable === undefined)(executable ? NAME : NAME + LEFT_OUT, () => {
  let sandbox: SandboxConfluence;
  let browser: Browser;
  beforeAll(async () => {
    sandbox = await startSandboxConfluence({
      pages: [TEXTS, ...KINDS.flatMap((kind) => SIZES.map((rows) => pageOf(rows, kind)))],
    });
    browser = await openChromium(executable ?? "");
    mkdirSync(SCREENSHOTS, { recursive: true });
  });
  afterAll(async () => {
    await browser?.close();
    await sandbox?.close();
  });

  const cases = WINDOWS.flatMap((window) => KINDS.flatMap((kind) => SIZES.map((rows) => ({ ...window, rows, kind }))));

  it.each(cases)("nothing of $rows rows of $kind is cut on a $name", async ({ name, width, height, rows, kind }) => {
    const page = await browser.newPage({ viewport: { width, height } });
    await page.goto(sandbox.pageUrl(pageOf(rows, kind).id).href, { waitUntil: "networkidle" });
    await shoot(page, `${kind}-${rows}-${name}`);
    for (const summary of await page.locator("#content details > summary").all()) await summary.click();
    if (rows === 30 && kind.endsWith("data-center")) await shoot(page, `${kind}-${rows}-${name}-open`);
    await expectLegible(page);
    if (name === "desktop") expect(await widthsCut(page)).toEqual([]);
    await page.close();
  });

  it.each(WINDOWS)("a summary and the reply to a command are legible on a $name", async ({ name, width, height }) => {
    const page = await browser.newPage({ viewport: { width, height } });
    await page.goto(sandbox.pageUrl(TEXTS.id).href, { waitUntil: "networkidle" });
    await shoot(page, `texts-${name}`);
    await expectLegible(page);
    await page.close();
  });
});

async function expectLegible(page: Page): Promise<void> {
  const { overflow, texts } = await legibilityOf(page, "#content");
  expect(overflow).toBe(0);
  expect(texts.filter(({ contrast }) => contrast < 4.5)).toEqual([]);
  expect(await accessibilityProblems(page, "#content")).toEqual([]);
}

async function shoot(page: Page, name: string): Promise<void> {
  const file = join(SCREENSHOTS, `${name}.png`);
  // Other slow tests keep the processors busy.
  await page.screenshot({ path: file, fullPage: true, timeout: 120_000 });
  process.stdout.write(`screenshot: ${file}\n`);
}

/** By how many pixels each table of the board is wider than what is visible of it. */
const widthsCut = async (page: Page): Promise<readonly number[]> => {
  const widths = await page
    .locator("#content .scroll")
    .evaluateAll((all) => all.map(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth));
  return widths.filter((width) => width > 0);
};
