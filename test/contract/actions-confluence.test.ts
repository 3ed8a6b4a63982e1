import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { type Bench, type BenchOptions, benchFor, buildEntry } from "../support/sandbox-confluence-action.ts";
import type { Failure, PageSeed } from "../support/sandbox-confluence-site.ts";

const PAGE = "98310";

describe.each(["cloud", "data-center"] as const)("the status on a page of %s", (product) => {
  let sandbox: SandboxConfluence;

  const restart = async (seed: PageSeed) => {
    await sandbox.close();
    sandbox = await startSandboxConfluence({ product, pages: [seed] });
  };
  const bench = (changes?: BenchOptions): Bench => benchFor(sandbox, product, changes);
  const versions = () => sandbox.page(PAGE).versions;
  const body = () => sandbox.page(PAGE).latest.body;

  beforeEach(async () => {
    sandbox = await startSandboxConfluence({ product });
  });
  afterEach(() => sandbox.close());

  test("the first write appends one region, describes the change in the history, and leaves the rest unchanged", async () => {
    const before = body();
    const outcome = await bench().run(buildEntry());

    expect(outcome).toMatchObject({ outcome: "done", facts: { "page 98310": "version 2" } });
    expect(sandbox.page(PAGE).latest).toMatchObject({
      number: 2,
      title: "Release 4",
      message: "ci/docs PASSED [d-ci-docs-512-succeeded]",
    });
    expect(body().startsWith(before)).toBe(true);
    expect(body()).toContain("PASSED");
  });

  test("the history of the page has no hidden character of a job's pipeline", async () => {
    await bench().run(buildEntry({ pipeline: "ci/\u202escod\u3164" }));
    expect(sandbox.page(PAGE).latest.message).toMatch(/^ci\/scod PASSED \[d-/);
  });

  test("nothing is written if the same state is reported again, although the markup was rewritten on saving", async () => {
    const busEvent = buildEntry({ startedBy: "Zoé Grün’s “bot” & <co>" });
    const running = bench();
    await running.run(busEvent);
    expect(body()).toContain("ac:macro-id");

    await expect(running.run(busEvent)).resolves.toMatchObject({ outcome: "done" });
    await expect(bench({ boards: running.boards }).run(busEvent)).resolves.toMatchObject({ outcome: "done" });
    expect(versions()).toHaveLength(2);
  });

  test("the next state replaces the previous one, and every pipeline has its own row", async () => {
    const running = bench();
    const before = body();
    await running.run(buildEntry({ state: "running" }));
    await running.run(buildEntry({ pipeline: "ci/site", state: "failed" }));
    await running.run(buildEntry());

    expect(body().startsWith(before)).toBe(true);
    expect(body().match(/PASSED|FAILED|RUNNING/g)).toEqual(["FAILED", "PASSED"]);
    expect(body().match(/>drawbridge:98310(-start)?</g)).toHaveLength(1);
  });

  test("a state that is older than the shown one is not written", async () => {
    const running = bench();
    await running.run(buildEntry());
    const outcome = await running.run(buildEntry({ state: "running" }));

    expect(outcome).toEqual({
      outcome: "done",
      summary: "page 98310: a newer state has replaced this one",
      endedAs: "superseded",
    });
    expect(versions()).toHaveLength(2);
  });

  const failures: readonly [string, Failure, object][] = [
    [
      "429 that names seconds",
      { on: "GET", status: 429, headers: { "retry-after": "7" } },
      { outcome: "retry", afterSeconds: 7 },
    ],
    ["429 that names no time", { on: "PUT", status: 429 }, { outcome: "retry" }],
    [
      "429 that names a time without seconds",
      { on: "PUT", status: 429, headers: { "x-ratelimit-reset": "2026-11-02T09:02Z" } },
      { outcome: "retry", afterSeconds: 120 },
    ],
    ["server error on reading", { on: "GET", status: 500 }, { outcome: "retry" }],
    ["cut connection on reading", { on: "GET", status: "none" }, { outcome: "retry" }],
    ["login page on reading", { on: "GET", status: 200, body: "<html>Log in</html>" }, { outcome: "retry" }],
    ["redirect", { on: "GET", status: 302, headers: { location: "/login" } }, { outcome: "give_up" }],
    [
      "draft that cannot be merged",
      { on: "PUT", status: 409, body: "content is unreconciled" },
      { outcome: "wait", afterSeconds: 300 },
    ],
    [
      "unknown credential",
      { on: "GET", status: 401 },
      { outcome: "retry", summary: expect.stringMatching(/credential/) },
    ],
    [
      "missing scope",
      { on: "GET", status: 401, headers: { "x-failure-category": "FAILURE_CLIENT_SCOPE_CHECK" } },
      { outcome: "give_up", summary: expect.stringMatching(/scope/) },
    ],
    ["missing permission", { on: "PUT", status: 403 }, { outcome: "give_up" }],
    ["missing page", { on: "GET", status: 404 }, { outcome: "give_up" }],
  ];
  test.each(failures)("a %s has the right outcome", async (_, failure, expected) => {
    sandbox.failNext(failure);
    await expect(bench().run(buildEntry())).resolves.toMatchObject(expected);
    expect(versions()).toHaveLength(1);
  });

  test("the action authenticates with the configured credential", async () => {
    const outcome = await bench({ target: { credential: { basic: { user: "someone", token: "env:TOKEN" } } } }).run(
      buildEntry(),
    );
    expect(outcome).toMatchObject({ outcome: "retry", summary: expect.stringMatching(/401/) });
  });

  test("a page without a region is not written if the route is to skip it", async () => {
    await expect(bench({ options: { whenMissing: "skip" } }).run(buildEntry())).resolves.toMatchObject({
      outcome: "done",
    });
    expect(versions()).toHaveLength(1);
  });

  test("nothing is replaced on a page with two regions", async () => {
    const running = bench();
    const before = body();
    await running.run(buildEntry({ state: "running" }));
    sandbox.humanEdit(PAGE, (text) => text + text.slice(before.length));
    await expect(running.run(buildEntry())).resolves.toMatchObject({ outcome: "give_up" });
    expect(versions()).toHaveLength(3);
  });

  test("two bridges with different names write one region each", async () => {
    await bench().run(buildEntry());
    await bench({ target: { region: "staging" } }).run(buildEntry({ pipeline: "ci/site", state: "failed" }));
    expect(body().match(/PASSED|FAILED/g)).toEqual(["PASSED", "FAILED"]);
    expect(body()).toMatch(/>drawbridge:98310(-end)?<.*>staging:98310(-start)?</);
    await bench().run(buildEntry({ state: "skipped" }));
    expect(body().match(/SKIPPED|FAILED/g)).toEqual(["SKIPPED", "FAILED"]);
  });

  test.each([{ status: "archived" }, { status: "trashed" }])("a page that is $status is not written", async (seed) => {
    await restart(seed);
    await expect(bench().run(buildEntry())).resolves.toMatchObject({
      outcome: "give_up",
      summary: expect.stringContaining(seed.status),
    });
  });

  test("the write ends with its attempt", async () => {
    const outcome = await bench().run(buildEntry(), { signal: AbortSignal.abort() });
    expect(outcome).toMatchObject({ outcome: "retry" });
    expect(versions()).toHaveLength(1);
  });

  test("every page that can be written is written, and the outcome names the one that cannot", async () => {
    const site = sandbox.site(product);
    const message = `Plan: ${site}/spaces/ENG/pages/${PAGE}, and ${site}/pages/viewpage.action?pageId=77.`;
    const outcome = await bench({ options: { page: undefined, whenMissing: "append" } }).run(buildEntry({ message }));
    expect(outcome).toMatchObject({ outcome: "give_up", summary: expect.stringMatching(/98310 shows.*404/) });
    expect(versions()).toHaveLength(2);
  });
});

test("a live doc of Cloud is not written", async () => {
  const sandbox = await startSandboxConfluence({ product: "cloud", pages: [{ subtype: "live" }] });
  const outcome = await benchFor(sandbox, "cloud").run(buildEntry());
  expect(outcome).toMatchObject({ outcome: "give_up", summary: expect.stringContaining("live doc") });
  await sandbox.close();
});
