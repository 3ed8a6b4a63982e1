import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ShownBuild } from "../../shared/model/board.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { type Bench, benchFor, buildEntry, buildOf } from "../support/sandbox-confluence-action.ts";

const PAGE = "98310";
const FORK = { id: "37", sourceProject: "outsider/docs", sourceBranch: "main", fork: true } as const;
const SAME_PROJECT = { ...FORK, sourceProject: "platform/docs", fork: false } as const;

describe("the rows of runs for branches, tags and change requests", () => {
  let sandbox: SandboxConfluence;
  let bench: Bench;
  beforeEach(async () => {
    sandbox = await startSandboxConfluence({ product: "data-center" });
    bench = benchFor(sandbox, "data-center");
  });
  afterEach(() => sandbox.close());

  /** The pipeline, state and place of each row on the page. */
  const rows = () =>
    Array.from(
      (sandbox.page(PAGE).latest.body.split("Build status")[1] ?? "").matchAll(/<tr><td>(.*?)<\/tr>/g),
      ([, row = ""]) =>
        row
          .split("</td>")
          .slice(0, 3)
          .map((cell) => cell.replace(/<ac:parameter ac:name="colour">\w+<\/ac:parameter>|<[^>]*>|#\d+/g, "").trim()),
    ).map(([pipeline = "", state = "", place = ""]) => `${pipeline.replace(" (tekton)", "")}: ${state} for ${place}`);
  const report = (changes: Parameters<typeof buildEntry>[0]) => bench.run(buildEntry(changes));
  const createdAt = "2026-11-02T10:00:00.000Z";

  /** Stores a row under the key of an earlier release. */
  const storeOld = (key: string, changes: Partial<ShownBuild>) =>
    bench.boards.advance(
      { site: sandbox.site("data-center"), id: PAGE },
      { key: `/sources/example tekton ${key}`, build: { ...buildOf(changes), ...changes }, delivery: "d-old" },
    );

  it("a run for a change request has a row of its own beside the branch of the same name", async () => {
    await report({ number: 1, state: "failed", branch: "main" });
    await report({ number: 2, state: "succeeded", change: FORK, createdAt });
    await report({ number: 3, state: "running", change: { ...SAME_PROJECT, id: "38" }, createdAt });
    expect(rows()).toEqual([
      "ci/docs: FAILED for main",
      "ci/docs: RUNNING for change 38",
      "ci/docs: PASSED for change 37, fork",
    ]);
  });

  it("each tag has a row, and a tag is not the branch of the same name", async () => {
    await report({ number: 1, state: "succeeded", tag: "v1" });
    await report({ number: 2, state: "failed", tag: "v2", createdAt });
    await report({ number: 3, state: "running", branch: "v1", createdAt });
    expect(rows()).toEqual(["ci/docs: FAILED for tag v2", "ci/docs: RUNNING for v1", "ci/docs: PASSED for tag v1"]);
  });

  it("a run that an earlier release showed as its branch moves to its own row, and the branch's last run is back", async () => {
    await storeOld("ci/docs on main", { number: 1, state: "failed", branch: "main" });
    await storeOld("ci/docs on main", { number: 2, state: "running", branch: "main", createdAt });
    await report({ number: 2, state: "succeeded", change: FORK, createdAt });
    expect(rows()).toEqual(["ci/docs: FAILED for main", "ci/docs: PASSED for change 37, fork"]);
  });

  it("a run that an earlier release showed without its tag leaves no row behind", async () => {
    await storeOld("ci/docs", { number: 2, state: "running" });
    await report({ number: 2, state: "succeeded", tag: "v2" });
    expect(rows()).toEqual(["ci/docs: PASSED for tag v2"]);
  });

  it("a run whose pipeline an earlier release named after it leaves no row behind", async () => {
    await storeOld("run-2", { number: 2, state: "running", pipeline: "run-2" });
    await report({ number: 2, state: "succeeded", branch: "main" });
    expect(rows()).toEqual(["ci/docs: PASSED for main"]);
  });

  it("a row under the name of its pipeline moves to that of the pipeline's id, with the last result", async () => {
    await storeOld("ci/docs on main", { number: 1, state: "failed", branch: "main" });
    await storeOld("ci/docs on release/4", { number: 2, state: "failed", branch: "release/4" });
    await report({ number: 3, state: "running", branch: "main", pipelineId: "p-1", createdAt });
    expect(rows()).toEqual(["ci/docs: FAILED for release/4", "ci/docs: RUNNINGlast: FAILED for main"]);
    await report({ number: 4, state: "succeeded", branch: "main", pipelineId: "p-2", createdAt });
    expect(rows()).toHaveLength(3);
  });

  it("a late report without a branch does not replace the run's further state", async () => {
    await report({ number: 2, state: "succeeded", branch: "main" });
    await report({ number: 2, state: "queued" });
    expect(rows()).toEqual(["ci/docs: PASSED for main"]);
  });

  it("runs of two pipelines, of two reporters and of deployments stay apart, even if they have one id", async () => {
    await report({ number: 2, state: "running", branch: "main" });
    await report({ number: 2, state: "running", branch: "main", pipeline: "ci/site" });
    await report({ number: 2, state: "running", branch: "main", trustEntry: "ci-jobs" });
    await storeOld("ci/docs to production", { number: 2, state: "succeeded", environment: "production" });
    await report({ number: 2, state: "failed", branch: "main" });
    expect(rows()).toEqual([
      "ci/docs: FAILED for main",
      "ci/docs (tekton, reported by ci-jobs): RUNNING for main",
      "ci/site: RUNNING for main",
      "ci/docs: PASSED for production",
    ]);
  });

  it("a skipped run is shown with the last result before it", async () => {
    await report({ number: 1, state: "failed", branch: "main" });
    await report({ number: 2, state: "skipped", branch: "main", createdAt });
    expect(rows()).toEqual(["ci/docs: SKIPPEDlast: FAILED for main"]);
  });
});

describe.each([
  ["cloud", "has no expand macro, which Cloud's editor does not allow there", false],
  ["data-center", "has the rows that passed in an expand macro", true],
] as const)("a region of twelve rows on %s", (product, does, hasExpand) => {
  it(does, async () => {
    const sandbox = await startSandboxConfluence({ product });
    const bench = benchFor(sandbox, product);
    for (let number = 1; number <= 12; number++) {
      await bench.run(buildEntry({ id: `run-${number}`, pipeline: `ci/p${number}`, state: "succeeded" }));
    }
    const { body } = sandbox.page(PAGE).latest;
    expect(body.match(/<tr><td>ci\/p\d+/g)).toHaveLength(12);
    expect(body.includes('ac:name="expand"')).toBe(hasExpand);
    await sandbox.close();
  });
});
