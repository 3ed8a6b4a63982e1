import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ActionOutcome } from "../../shared/model/action-outcome.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import type { BuildPart } from "../../shared/model/event.ts";
import { causeOf } from "../support/report-bench.ts";
import { type SandboxGitlab, startSandboxGitlab } from "../support/sandbox-gitlab.ts";
import { pushTo, statusBench } from "../support/sandbox-gitlab-action.ts";
import { type TestClock, testClock } from "../support/test-doubles.ts";

const HEAD = "f".repeat(40);
const TRIAL_MERGE = "e".repeat(40);
const MERGED = "d".repeat(40);
/** When {@link causeOf} dates the cause. */
const CAUSED_AT = "2026-11-02T08:58:00.000Z";

let sandbox: SandboxGitlab;
let clock: TestClock;
beforeEach(async () => {
  sandbox = await startSandboxGitlab();
  clock = testClock(CAUSED_AT);
  const { repository, mergeRequest, fork } = sandbox;
  repository.branches.set("feature", [HEAD]);
  // The first branch in the alphabet that contains the commits of the others.
  repository.branches.set("aaa-child", [HEAD, sandbox.sha, MERGED]);
  repository.hidden.add(TRIAL_MERGE);
  fork.branches.set("feature", [HEAD]);
  mergeRequest.sha = HEAD;
});
afterEach(() => sandbox.close());

/** Reports a state, and again for as long as the action only waits for the commit's own pipeline. */
async function report(origin: BusEvent, build: Partial<BuildPart> = {}): Promise<ActionOutcome> {
  const outcome = await statusBench(sandbox, {}, {}, clock).report(origin, build);
  if (outcome.outcome !== "wait") return outcome;
  clock.advance(outcome.afterSeconds * 1_000);
  return report(origin, build);
}
const reportRun = async (origin: BusEvent): Promise<ActionOutcome> => {
  await report(origin, { state: "queued" });
  await report(origin, { state: "running" });
  return report(origin, { state: "succeeded" });
};

const push = (branch = "feature") =>
  pushTo(sandbox, { ref: `refs/heads/${branch}`, name: branch, commit: branch === "feature" ? HEAD : sandbox.sha });
const tagged = () => pushTo(sandbox, { ref: "refs/tags/v1", name: "v1", commit: HEAD });
const caused = (type: string, part: string, changes: object) => {
  const { project, url } = sandbox;
  return causeOf("gitlab", { type, [part]: { project, commit: HEAD, url: `${url}/${project}/-/x`, ...changes } });
};
const change = (changes: object = {}, type = "change.updated") =>
  caused(type, "change", { number: 41, sourceBranch: "feature", targetBranch: "main", ...changes });

/** Each pipeline with a status, as `project source ref: state`. */
const shown = () =>
  [sandbox.repository, sandbox.fork].flatMap((project) =>
    project.statuses({ all: false }).map(({ pipeline, state }) => {
      const { source, ref } = project.pipelines.find(({ id }) => id === pipeline) ?? {};
      return `${project.project} ${source} ${ref}: ${state}`;
    }),
  );

describe("the pipeline in which a status is", () => {
  const start = (source: string, ref: string, sha = HEAD) => sandbox.startPipeline({ source, ref, sha });
  const mergeRequestEvent = (kind: string, sha = HEAD) =>
    start("merge_request_event", `refs/merge-requests/41/${kind}`, sha);
  const squash = () => {
    sandbox.repository.branches.set("main", [MERGED, sandbox.sha]);
    return change({ mergeCommit: MERGED }, "change.merged");
  };
  const ofFork = () => {
    sandbox.mergeRequest.isOfFork = true;
    sandbox.repository.branches.delete("feature");
    sandbox.repository.branches.delete("aaa-child");
    sandbox.repository.hidden.add(HEAD);
    return change({ fork: true, sourceProject: "alice/docs" });
  };

  const table: readonly [string, () => BusEvent, () => unknown, readonly string[]][] = [
    [
      "a push to a branch with a pipeline",
      push,
      () => start("push", "feature"),
      ["platform/docs push feature: success"],
    ],
    ["a push to a branch without CI", push, () => undefined, ["platform/docs external feature: success"]],
    [
      "a push to a branch with merge request pipelines alone",
      push,
      () => mergeRequestEvent("head"),
      ["platform/docs merge_request_event refs/merge-requests/41/head: success"],
    ],
    [
      "a push to a branch whose merge request has a pipeline for merged results",
      push,
      () => mergeRequestEvent("merge", TRIAL_MERGE),
      ["platform/docs external feature: success"],
    ],
    ["a tag with a pipeline", tagged, () => start("push", "v1"), ["platform/docs push v1: success"]],
    [
      "a tag without CI, although a branch of the commit has a pipeline",
      tagged,
      () => start("push", "feature"),
      ["platform/docs external v1: success"],
    ],
    [
      "a merge request whose branch has a pipeline",
      change,
      () => start("push", "feature"),
      ["platform/docs push feature: success"],
    ],
    ["a merge request without CI", change, () => undefined, ["platform/docs external feature: success"]],
    [
      "a merge request with a detached pipeline",
      change,
      () => mergeRequestEvent("head"),
      ["platform/docs merge_request_event refs/merge-requests/41/head: success"],
    ],
    [
      "a merge request with a pipeline for merged results",
      change,
      () => mergeRequestEvent("merge", TRIAL_MERGE),
      ["platform/docs merge_request_event refs/merge-requests/41/merge: success"],
    ],
    [
      "a merge request on a merge train",
      change,
      () => mergeRequestEvent("train", TRIAL_MERGE),
      ["platform/docs merge_request_event refs/merge-requests/41/train: success"],
    ],
    [
      "a merge request that was merged, with a pipeline of the target branch",
      squash,
      () => start("push", "main", MERGED),
      ["platform/docs push main: success"],
    ],
    ["a merge request that was merged, without CI", squash, () => undefined, ["platform/docs external main: success"]],
    [
      "a fork's merge request, if the account may write in the fork",
      ofFork,
      () => {
        sandbox.fork.isOpen = true;
      },
      ["alice/docs external feature: success"],
    ],
    [
      "a fork's merge request with a pipeline in the target project",
      ofFork,
      () => mergeRequestEvent("head"),
      ["platform/docs merge_request_event refs/merge-requests/41/head: success"],
    ],
    [
      "a release",
      () => caused("release.published", "release", { tag: "v1" }),
      () => undefined,
      ["platform/docs external v1: success"],
    ],
    [
      "a deployment by a job",
      () => caused("deployment.succeeded", "deployment", { id: "501", environment: "e" }),
      () => start("push", "feature"),
      ["platform/docs push feature: success"],
    ],
    [
      "a deployment without a job",
      () => caused("deployment.succeeded", "deployment", { id: "9", environment: "e", commit: sandbox.sha }),
      () => undefined,
      ["platform/docs external main: success"],
    ],
    [
      "a job",
      () => caused("job.succeeded", "job", { id: "1", pipeline: sandbox.project, build: "501" }),
      () => [start("push", "feature"), start("push", "aaa-child")],
      ["platform/docs push feature: success"],
    ],
  ];
  it.each(table)("%s", async (_, cause, arrange, expected) => {
    const origin = cause();
    arrange();
    expect(await reportRun(origin)).toMatchObject({ outcome: "done" });
    expect(shown()).toEqual(expected);
    // Three at most for the first state, and one write for each later one; an external pipeline is looked for again.
    expect(sandbox.requests.length).toBeLessThanOrEqual(3 + 2 + 2);
  });

  const notes = () => sandbox.mergeRequest.comments.map(({ body }) => body);
  const lines = () => notes().flatMap((body) => body.split("\n").filter((line) => line.startsWith("- ")));

  it("the end of a run in a fork without rights is in one comment on the merge request, without an alarm", async () => {
    const origin = ofFork();
    sandbox.mergeRequest.add("a person's comment");
    for (const state of ["queued", "running"] as const) {
      expect(await report(origin, { state })).toEqual({
        outcome: "done",
        summary: "nowhere to write: the merge request is of a fork, in which the account has no rights",
      });
    }
    expect(notes()).toHaveLength(1);
    expect(await report(origin, { state: "failed" })).toMatchObject({
      outcome: "done",
      summary: expect.stringMatching(/^the comment on platform\/docs!41 lists "ci\/docs" as failed; no status: /),
    });
    const posted = "- **failed**: [`ci/docs`](<https://ci.example.test/runs/512>) (`#512 failed`)";
    expect(lines()).toEqual([posted]);
    // A repeat, a late state, another name, and a later run of the first name.
    await report(origin, { state: "failed" });
    await report(origin, { state: "running" });
    const other = { id: "run-9", number: 9, pipeline: "ci/lint" };
    await report(origin, { ...other, state: "succeeded" });
    expect(lines()).toEqual([posted, expect.stringContaining("**success**: [`ci/lint`]")]);
    await report(origin, { id: "run-513", number: 513, createdAt: "2026-11-02T09:30:00.000Z", state: "succeeded" });
    expect(lines()).toEqual([expect.stringContaining("#513 succeeded"), expect.stringContaining("[`ci/lint`]")]);
    expect(notes()).toHaveLength(2);
    expect(shown()).toEqual([]);
  });

  it("a result of an older commit of a fork never replaces what the comment says of the newest one", async () => {
    const origin = ofFork();
    await report(origin, { state: "running" });
    sandbox.mergeRequest.sha = TRIAL_MERGE;
    expect(await report(origin, { state: "failed" })).toMatchObject({
      outcome: "done",
      summary: expect.stringContaining("platform/docs!41 has a newer commit"),
    });
    expect(notes()).toEqual([]);
    await report(change({ fork: true, sourceProject: "alice/docs", commit: TRIAL_MERGE }), { state: "succeeded" });
    expect(lines()).toEqual([expect.stringContaining("**success**")]);
  });

  it("a fork that the target's projects do not list gets no status", async () => {
    sandbox.fork.isOpen = true;
    const bench = statusBench(sandbox, {}, { projects: ["platform/*"] }, testClock());
    expect(await bench.report(ofFork())).toMatchObject({
      outcome: "done",
      summary: expect.stringContaining("no status: the merge request is of a fork that is not in"),
    });
    expect(lines()).toHaveLength(1);
    expect(shown()).toEqual([]);
  });
});

describe("a commit's own pipeline that starts after the push", () => {
  const states = (state: BuildPart["state"]) => statusBench(sandbox, {}, {}, clock).report(push(), { state });

  it("the first state waits for it once, and is set in it", async () => {
    expect(await states("queued")).toMatchObject({ outcome: "wait", afterSeconds: 5 });
    sandbox.startPipeline({ source: "push", ref: "feature" });
    clock.advance(5_000);
    for (const state of ["queued", "running", "succeeded"] as const)
      expect(await states(state)).toMatchObject({ outcome: "done" });
    expect(shown()).toEqual(["platform/docs push feature: success"]);
    expect(sandbox.requests).toHaveLength(5);
  });

  it("if it starts later still, the run goes on in it, and the pipeline of the first state ends with the run", async () => {
    await states("queued");
    clock.advance(5_000);
    expect(await states("queued")).toMatchObject({ outcome: "done" });
    expect(shown()).toEqual(["platform/docs external feature: pending"]);
    sandbox.startPipeline({ source: "push", ref: "feature" });
    await states("running");
    expect(shown().sort()).toEqual(["platform/docs external feature: pending", "platform/docs push feature: running"]);
    await states("succeeded");
    expect(shown().sort()).toEqual(["platform/docs external feature: success", "platform/docs push feature: success"]);
  });

  it("a later poster's pipeline does not take the run over", async () => {
    sandbox.startPipeline({ source: "push", ref: "feature" });
    await states("running");
    sandbox.startPipeline({ source: "schedule", ref: "feature" });
    await states("failed");
    expect(shown()).toEqual(["platform/docs push feature: failed"]);
  });

  it("a later run of the commit is set in the commit's newest pipeline", async () => {
    sandbox.startPipeline({ source: "push", ref: "feature" });
    await states("failed");
    sandbox.startPipeline({ source: "web", ref: "feature" });
    const later = { id: "run-513", number: 513, createdAt: "2026-11-02T09:30:00.000Z" };
    await report(push(), { ...later, state: "succeeded" });
    expect(shown().sort()).toEqual(["platform/docs push feature: failed", "platform/docs web feature: success"]);
  });

  it("a pipeline that somebody deletes during the run is replaced by what the commit has then", async () => {
    sandbox.startPipeline({ source: "push", ref: "feature" });
    await states("running");
    sandbox.repository.pipelines.length = 0;
    expect(await states("succeeded")).toMatchObject({ outcome: "retry" });
    expect(await report(push(), { state: "succeeded" })).toMatchObject({ outcome: "done" });
    expect(shown()).toContain("platform/docs external feature: success");
  });
});
