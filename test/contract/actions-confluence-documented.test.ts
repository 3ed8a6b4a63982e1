import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CallOut, callOut } from "../../shared/host/call-out.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { type Bench, type BenchOptions, benchFor, buildEntry, entryOf } from "../support/sandbox-confluence-action.ts";
import type { PageSeed } from "../support/sandbox-confluence-site.ts";
import { type TestClock, testClock } from "../support/test-doubles.ts";

const LABEL = "drawbridge-docs";

const properties = (...rows: readonly (readonly [string, string])[]): string =>
  `<ac:structured-macro ac:name="details"><ac:rich-text-body><table><tbody>${rows
    .map(([heading, value]) => `<tr><th>${heading}</th><td>${value}</td></tr>`)
    .join("")}</tbody></table></ac:rich-text-body></ac:structured-macro>`;

const documenting = (id: string, ...rows: readonly (readonly [string, string])[]): PageSeed => ({
  id,
  title: `Handbook ${id}`,
  labels: [LABEL],
  body: properties(...rows),
});

describe.each(["cloud", "data-center"] as const)("pages of %s that list what they document", (product) => {
  let sandbox: SandboxConfluence | undefined;
  const started = async (...pages: readonly PageSeed[]): Promise<SandboxConfluence> => {
    sandbox = await startSandboxConfluence({ product, pages });
    return sandbox;
  };
  afterEach(async () => {
    await sandbox?.close();
    sandbox = undefined;
  });

  let clock: TestClock;
  let searches: URL[];
  beforeEach(() => {
    clock = testClock();
    searches = [];
  });
  const bench = (site: SandboxConfluence, changes: BenchOptions = {}): Bench => {
    const counting: CallOut = (request) => {
      if (request.url.pathname.endsWith("/search")) searches.push(request.url);
      return callOut(request);
    };
    const options = { page: undefined, documentedBy: LABEL, ...changes.options };
    return benchFor(site, product, { clock, callOut: counting, ...changes, options });
  };
  const versionsOf = (site: SandboxConfluence, ...ids: readonly string[]) =>
    ids.map((id) => site.page(id).versions.length);
  const deployment = (environment: string) =>
    entryOf(`d-${environment}`, {
      type: "deployment.succeeded",
      time: "2026-11-02T09:05:00.000Z",
      subject: "platform/docs",
      deployment: { project: "platform/docs", id: "41", environment, state: "succeeded" },
    });

  test("pages show the builds of the pipelines that they list, and no others", async () => {
    const site = await started(
      documenting("1", ["Pipeline", "ci/docs"]),
      documenting("2", ["Pipelines", "<ul><li>ci/site</li><li>CI/Docs</li></ul>"]),
      documenting("3", ["Pipeline", "ci/docs-old"]),
      { ...documenting("4", ["Pipeline", "ci/docs"]), labels: ["drawbridge"] },
      { ...documenting("5", ["Pipeline", "ci/docs"]), status: "archived" },
    );
    const outcome = await bench(site).run(buildEntry());
    expect(outcome).toMatchObject({ outcome: "done", facts: { "page 1": "version 2", "page 2": "version 2" } });
    expect(versionsOf(site, "1", "2", "3", "4", "5")).toEqual([2, 2, 1, 1, 1]);
    expect(site.page("1").latest.body).toContain("PASSED");
  });

  test("pages show the builds that a push to their repository started", async () => {
    const site = await started(documenting("1", ["Repository", "platform/docs"]));
    const push = entryOf("d-push", {
      type: "code.pushed",
      time: "2026-11-02T09:00:00.000Z",
      subject: "platform/docs",
      code: {
        project: "platform/docs",
        ref: "refs/heads/main",
        name: "main",
        change: "updated",
        commits: [],
        commitCount: 0,
      },
    });
    await bench(site).run(buildEntry(), { origin: push });
    expect(versionsOf(site, "1")).toEqual([2]);
  });

  test("pages show the deployments to the environments that they list, of the repositories that they list", async () => {
    const site = await started(
      documenting("1", ["Repository", "platform/docs"], ["Environment", "production"]),
      documenting("2", ["Environment", "staging, Production"]),
      documenting("3", ["Repository", "platform/docs"], ["Environment", "staging"]),
      documenting("4", ["Repository", "platform/site"], ["Environment", "production"]),
      documenting("5", ["Repository", "platform/docs"]),
    );
    await bench(site).run(deployment("production"));
    expect(versionsOf(site, "1", "2", "3", "4", "5")).toEqual([2, 2, 1, 1, 2]);
    await bench(site).run(buildEntry({ pipeline: "platform/docs" }));
    expect(versionsOf(site, "1", "2", "3", "4", "5")).toEqual([3, 2, 2, 1, 3]);
  });

  test("documenting pages are written in addition to linked pages, and each page once", async () => {
    const site = await started({ labels: ["drawbridge"] }, documenting("2", ["Pipeline", "ci/docs"]));
    const link = (id: string) => `${site.site(product)}/spaces/ENG/pages/${id}`;
    const outcome = await bench(site).run(buildEntry({ message: `For ${link("98310")}, ${link("2")}` }));
    expect(outcome.summary.split("; ")).toHaveLength(2);
    expect(versionsOf(site, "98310", "2")).toEqual([2, 2]);
  });

  test("pages that the target does not list count for nothing, however many have the label", async () => {
    const elsewhere = Array.from({ length: 11 }, (_, at) => ({
      ...documenting(`${at + 1}`, ["Pipeline", "ci/docs"]),
      space: "HR",
    }));
    const site = await started(...elsewhere, documenting("77", ["Pipeline", "ci/docs"]));
    const outcome = await bench(site, { target: { spaces: ["ENG"] } }).run(buildEntry());
    expect(outcome).toMatchObject({ outcome: "done", summary: "page 77 shows the new state" });
    expect(versionsOf(site, "1", "77")).toEqual([1, 2]);
  });

  test("pages that list nothing, or nothing readable, are not written", async () => {
    const site = await started(
      { id: "1", labels: [LABEL], body: "<p>ci/docs</p>" },
      { id: "2", labels: [LABEL], body: "<table><tbody><tr><th>Pipeline</th><td>ci/docs</td></tr></tbody></table>" },
      documenting("3", ["Pipeline", ""], ["", "ci/docs"], ["Owner", "ci/docs"]),
      documenting("4", ["Pipeline", '<ac:link><ri:page ri:content-title="ci/docs" /></ac:link>']),
    );
    await expect(bench(site).run(buildEntry())).resolves.toEqual({
      outcome: "done",
      summary: "no page is concerned",
      endedAs: "nothing_to_do",
    });
  });

  test("pages are searched for once in five minutes, however many attempts need them", async () => {
    const site = await started(documenting("1", ["Pipeline", "ci/docs"]));
    const running = bench(site);
    await Promise.all(["ci/a", "ci/b", "ci/docs"].map((pipeline) => running.run(buildEntry({ pipeline }))));
    clock.advance(4 * 60_000);
    await running.run(buildEntry({ state: "failed", number: 513 }));
    expect(searches).toHaveLength(1);
    clock.advance(61_000);
    await running.run(buildEntry({ number: 514 }));
    expect(searches).toHaveLength(2);
    expect(versionsOf(site, "1")).toEqual([4]);
  });

  test("at most 200 pages are read in ten calls, and at most ten are written", async () => {
    const many = Array.from({ length: 1_000 }, (_, index) =>
      documenting(String(index + 1), ["Pipeline", index < 190 ? `ci/p${index}` : "ci/docs"]),
    );
    const site = await started(...many);
    const running = bench(site);
    const outcome = await running.run(buildEntry());
    expect(searches).toHaveLength(10);
    expect(outcome).toMatchObject({ outcome: "done" });
    expect(versionsOf(site, "190", "191", "200", "201")).toEqual([1, 2, 2, 1]);

    const crowded = await startSandboxConfluence({ product, pages: many.slice(190, 202) });
    const crowdedOutcome = await bench(crowded).run(buildEntry());
    expect(crowdedOutcome.summary).toMatch(/; 2 more pages document it, and are left out$/);
    expect(versionsOf(crowded, "200", "201")).toEqual([2, 1]);
    await crowded.close();
  });

  test("a failed search does not keep the linked page from being written", async () => {
    const site = await started({ labels: ["drawbridge"] }, documenting("2", ["Pipeline", "ci/docs"]));
    site.failNext({ on: "search", status: 503 });
    const link = `${site.site(product)}/spaces/ENG/pages/98310`;
    const outcome = await bench(site).run(buildEntry({ message: link }));
    expect(outcome).toMatchObject({
      outcome: "done",
      summary: expect.stringMatching(/could not be searched for: .*503/),
    });
    expect(versionsOf(site, "98310", "2")).toEqual([2, 1]);
  });

  test("a linked page without a region is not skipped while it is unknown whether it documents the subject", async () => {
    const site = await started(documenting("98310", ["Pipeline", "ci/docs"]));
    const link = `${site.site(product)}/spaces/ENG/pages/98310`;
    const running = bench(site);
    site.failNext({ on: "search", status: 503 });
    await expect(running.run(buildEntry({ message: link }))).resolves.toMatchObject({
      outcome: "retry",
      summary: expect.stringContaining("page 98310 has no status region, and may ask for one"),
    });
    clock.advance(120_000);
    await expect(running.run(buildEntry({ message: link }))).resolves.toMatchObject({ outcome: "done" });
    expect(versionsOf(site, "98310")).toEqual([2]);
  });

  test.each([
    ["a server error", { status: 503 }, { outcome: "retry", afterSeconds: 60 }],
    ["too many calls", { status: 429, headers: { "retry-after": "120" } }, { outcome: "retry", afterSeconds: 120 }],
    ["a cut connection", { status: "none" }, { outcome: "retry", afterSeconds: 60 }],
    ["a login page", { status: 200, body: "<html>Log in</html>" }, { outcome: "retry" }],
    ["a rejected query", { status: 400 }, { outcome: "give_up" }],
    [
      "a token without the scope",
      { status: 401, headers: { "x-failure-category": "FAILURE_CLIENT_SCOPE_CHECK" } },
      { outcome: "give_up", summary: expect.stringContaining("search:confluence") },
    ],
  ] as const)(
    "the search is retried if that may help, and given up otherwise, after %s",
    async (_, failure, expected) => {
      const site = await started(documenting("2", ["Pipeline", "ci/docs"]));
      const running = bench(site);
      site.failNext({ on: "search", ...failure });
      await expect(running.run(buildEntry())).resolves.toMatchObject(expected);
      await running.run(buildEntry());
      expect(searches).toHaveLength(1);
      clock.advance(120_000);
      await expect(running.run(buildEntry())).resolves.toMatchObject({ outcome: "done" });
      expect(versionsOf(site, "2")).toEqual([2]);
    },
  );

  test("pages that were found are cached for an hour while the search fails", async () => {
    const site = await started(documenting("2", ["Pipeline", "ci/docs"]));
    const running = bench(site);
    await running.run(buildEntry());
    clock.advance(59 * 60_000);
    site.failNext({ on: "search", status: 503 });
    await expect(running.run(buildEntry({ number: 513 }))).resolves.toMatchObject({ outcome: "done" });
    clock.advance(61_000);
    site.failNext({ on: "search", status: 503 });
    await expect(running.run(buildEntry({ number: 514 }))).resolves.toMatchObject({ outcome: "retry" });
    expect(versionsOf(site, "2")).toEqual([3]);
  });

  test("a route without documentedBy does not search for pages", async () => {
    const site = await started(documenting("2", ["Pipeline", "ci/docs"]));
    await bench(site, { options: { documentedBy: undefined } }).run(buildEntry());
    expect(searches).toEqual([]);
    expect(versionsOf(site, "2")).toEqual([1]);
  });
});
