import { EventEmitter, once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import { causeOf } from "../support/report-bench.ts";
import { buildEntry } from "../support/sandbox-confluence-action.ts";
import { type SandboxGitlab, startSandboxGitlab } from "../support/sandbox-gitlab.ts";
import { pushTo, statusBench, writesTo } from "../support/sandbox-gitlab-action.ts";

let sandbox: SandboxGitlab;
beforeEach(async () => {
  sandbox = await startSandboxGitlab();
});
afterEach(() => sandbox.close());

const bench = (options?: object) => statusBench(sandbox, options);
const push = (changes?: object) => pushTo(sandbox, changes);
const writes = () => writesTo(sandbox);
const states = () => sandbox.shown().map(({ name, state }) => `${name}: ${state}`);
const LATER = "2026-11-02T09:30:00.000Z";

describe("telling a commit at GitLab of the run that it caused", () => {
  it("shows each state as it comes, in one status with a link", async () => {
    for (const [state, shown] of [
      ["queued", "pending"],
      ["running", "running"],
      ["succeeded", "success"],
    ] as const) {
      const outcome = await bench().tell(push(), { state });
      expect(outcome).toMatchObject({ outcome: "done", facts: { commit: `${sandbox.project}@${sandbox.sha}` } });
      expect(states()).toEqual([`ci/docs: ${shown}`]);
    }
    expect(sandbox.shown()[0]).toMatchObject({
      ref: "main",
      description: expect.stringMatching(/^#512 succeeded \[.*\]$/),
      targetUrl: "https://ci.example.test/runs/512",
    });
  });

  it("sends its token, and nothing of the event's headers", async () => {
    await bench().tell(push());
    for (const { headers } of sandbox.requests) {
      expect(headers.get("authorization")).toBe(`Bearer ${sandbox.token}`);
      expect([...headers.keys()].filter((name) => name.startsWith("x-gitlab"))).toEqual([]);
    }
  });

  it.each([
    ["failed", "failed"],
    ["timed_out", "failed"],
    ["cancelled", "canceled"],
    ["skipped", "skipped"],
    ["waiting", "running"],
  ] as const)("shows %s as %s", async (state, shown) => {
    await bench().tell(push(), { state });
    expect(states()).toEqual([`ci/docs: ${shown}`]);
  });

  it.each([false, true])(
    "changes nothing when it is repeated, the server refusing repeats: %s",
    async (refusesRepeats) => {
      await sandbox.close();
      sandbox = await startSandboxGitlab({ refusesRepeats });
      for (const state of ["running", "running", "failed", "failed"] as const) {
        expect(await bench().tell(push(), { state })).toMatchObject({ outcome: "done" });
      }
      expect(writes()).toBe(2);
      expect(states()).toEqual(["ci/docs: failed"]);
    },
  );

  it("never goes back: what comes late leaves the end as it is", async () => {
    await bench().tell(push(), { state: "succeeded" });
    expect(await bench().tell(push(), { state: "running" })).toMatchObject({
      outcome: "done",
      summary: 'GitLab shows "ci/docs" as success',
    });
    expect(writes()).toBe(1);
  });

  it("lets a later run take the place of an earlier one, and not the other way round", async () => {
    await bench().tell(push(), { state: "failed" });
    await bench().tell(push(), { number: 513, createdAt: LATER, state: "queued" });
    expect(states()).toEqual(["ci/docs: pending"]);
    await bench().tell(push(), { number: 513, createdAt: LATER, state: "succeeded" });
    await bench().tell(push(), { state: "failed" });
    expect(states()).toEqual(["ci/docs: success"]);
  });

  it("sets the end once more when an earlier state, told at the same time, was set after it", async () => {
    const gate = new EventEmitter();
    const opened = once(gate, "open");
    await sandbox.close();
    sandbox = await startSandboxGitlab({ delay: async (state) => void (state === "running" && (await opened)) });
    const late = bench().tell(push(), { state: "running" });
    await expect.poll(writes).toBe(1);
    await bench().tell(push(), { state: "failed" });
    gate.emit("open");
    expect(await late).toMatchObject({ outcome: "done", summary: 'GitLab shows "ci/docs" as failed' });
    expect(states()).toEqual(["ci/docs: failed"]);
  });

  it("keeps names apart, and takes the route's", async () => {
    await bench().tell(push());
    await bench({ name: "docs" }).tell(push(), { state: "failed" });
    await bench({ name: "$.detail.build.system" }).tell(push());
    expect(states().sort()).toEqual(["ci/docs: success", "docs: failed", "tekton: success"]);
    const nameless = bench({ name: "$.detail.build.branch" });
    expect(await nameless.tell(push())).toMatchObject({ outcome: "give_up" });
  });

  it("keeps to GitLab's lengths", async () => {
    const long = {
      reason: "r".repeat(4_000),
      url: `https://ci.example.test/${"u".repeat(300)}`,
      pipeline: "p".repeat(300),
    };
    expect(await bench().tell(push(), long)).toMatchObject({ outcome: "done" });
    expect(sandbox.shown()[0]).toMatchObject({ state: "success", targetUrl: undefined });
  });

  it("writes over a status of that name that somebody else set", async () => {
    await fetch(`${sandbox.url}/api/v4/projects/${encodeURIComponent(sandbox.project)}/statuses/${sandbox.sha}`, {
      method: "POST",
      headers: { authorization: `Bearer ${sandbox.token}`, "content-type": "application/json" },
      body: JSON.stringify({ state: "failed", name: "ci/docs", description: "by hand" }),
    });
    await bench().tell(push());
    expect(states()).toEqual(["ci/docs: success"]);
  });
});

describe("what caused the run", () => {
  it.each([
    ["a merge request", "change.opened", (part: object) => ({ change: { number: 7, ...part } })],
    [
      "a deployment",
      "deployment.succeeded",
      (part: object) => ({ deployment: { id: "1", environment: "e", ...part } }),
    ],
    ["a release", "release.published", (part: object) => ({ release: { tag: "v1", ...part } })],
    ["a job", "job.succeeded", (part: object) => ({ job: { id: "1", pipeline: sandbox.project, ...part } })],
  ])("may be %s", async (_, type, detail) => {
    const { project, sha: commit, url } = sandbox;
    const told = { type, ...detail({ project, commit, url: `${url}/${project}/x` }) };
    expect(await bench().tell(causeOf("gitlab", told))).toHaveProperty("facts");
    expect(states()).toEqual(["ci/docs: success"]);
  });

  const own = () => buildEntry({ system: "gitlab" });
  const others: readonly [string, () => BusEvent][] = [
    ["another system", () => ({ ...push(), source: "drawbridge.buildkite" })],
    ["a pipeline of GitLab", () => ({ ...own(), source: "drawbridge.gitlab" })],
    ["another instance", () => push({ projectUrl: "https://gitlab.example.com/platform/docs" })],
    ["an instance whose name begins like the target's", () => push({ projectUrl: `${sandbox.url}0/platform/docs` })],
    ["the removal of a branch", () => push({ commit: undefined })],
    ["a commit of another form", () => push({ commit: "../../../admin" })],
  ];
  it.each(others)("may be %s: then nothing is set", async (_, origin) => {
    expect(await bench().tell(origin())).toMatchObject({
      outcome: "done",
      summary: expect.stringMatching(/^no status: /),
    });
    expect(sandbox.requests).toEqual([]);
  });

  it("is not asked for when the event is no build", async () => {
    expect(await bench().run(push(), push())).toMatchObject({ outcome: "give_up" });
  });
});
