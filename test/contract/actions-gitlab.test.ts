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

describe("the status of a commit at GitLab", () => {
  it("one status with a link shows each state as it is reported", async () => {
    for (const [state, shown] of [
      ["queued", "pending"],
      ["running", "running"],
      ["succeeded", "success"],
    ] as const) {
      const outcome = await bench().report(push(), { state });
      expect(outcome).toMatchObject({ outcome: "done", facts: { commit: `${sandbox.project}@${sandbox.sha}` } });
      expect(states()).toEqual([`ci/docs: ${shown}`]);
    }
    expect(sandbox.shown()[0]).toMatchObject({
      ref: "main",
      description: "#512 succeeded",
      targetUrl: "https://ci.example.test/runs/512",
    });
  });

  it("a request carries the token, and no header of the event", async () => {
    await bench().report(push());
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
  ] as const)("%s is shown as %s", async (state, shown) => {
    await bench().report(push(), { state });
    expect(states()).toEqual([`ci/docs: ${shown}`]);
  });

  it.each([false, true])(
    "a repeated state changes nothing, with a server that rejects repeats: %s",
    async (rejectsRepeats) => {
      await sandbox.close();
      sandbox = await startSandboxGitlab({ rejectsRepeats });
      for (const state of ["running", "running", "failed", "failed"] as const) {
        expect(await bench().report(push(), { state })).toMatchObject({ outcome: "done" });
      }
      expect(writes()).toBe(2);
      expect(states()).toEqual(["ci/docs: failed"]);
    },
  );

  it("a late state never replaces the end of a run", async () => {
    await bench().report(push(), { state: "succeeded" });
    expect(await bench().report(push(), { state: "running" })).toMatchObject({
      outcome: "done",
      summary: 'GitLab shows "ci/docs" as success',
    });
    expect(writes()).toBe(1);
  });

  it("a later run replaces an earlier one, and an earlier run never replaces a later one", async () => {
    await bench().report(push(), { state: "failed" });
    await bench().report(push(), { number: 513, createdAt: LATER, state: "queued" });
    expect(states()).toEqual(["ci/docs: pending"]);
    await bench().report(push(), { number: 513, createdAt: LATER, state: "succeeded" });
    await bench().report(push(), { state: "failed" });
    expect(states()).toEqual(["ci/docs: success"]);
  });

  it("an end that is reported while an earlier state is being set waits, and is then set after it", async () => {
    const gate = new EventEmitter();
    const opened = once(gate, "open");
    await sandbox.close();
    sandbox = await startSandboxGitlab({ delay: async (state) => void (state === "running" && (await opened)) });
    const early = bench().report(push(), { state: "running" });
    await expect.poll(writes).toBe(1);
    expect(await bench().report(push(), { state: "failed" })).toMatchObject({ outcome: "wait" });
    gate.emit("open");
    expect(await early).toMatchObject({ outcome: "done" });
    expect(await bench().report(push(), { state: "failed" })).toMatchObject({ outcome: "done" });
    expect(states()).toEqual(["ci/docs: failed"]);
  });

  it("statuses of different names are separate, and the route's name is used", async () => {
    await bench().report(push());
    await bench({ name: "docs" }).report(push(), { state: "failed" });
    await bench({ name: "$.detail.build.system" }).report(push());
    expect(states().sort()).toEqual(["ci/docs: success", "docs: failed", "tekton: success"]);
    const nameless = bench({ name: "$.detail.build.branch" });
    expect(await nameless.report(push())).toMatchObject({ outcome: "give_up" });
  });

  it("texts are cut to GitLab's maximum lengths", async () => {
    const long = {
      reason: "r".repeat(4_000),
      url: `https://ci.example.test/${"u".repeat(300)}`,
      pipeline: "p".repeat(300),
    };
    expect(await bench().report(push(), long)).toMatchObject({ outcome: "done" });
    expect(sandbox.shown()[0]).toMatchObject({ state: "success", targetUrl: undefined });
  });

  it("a status of the same name that somebody else set is overwritten", async () => {
    await fetch(`${sandbox.url}/api/v4/projects/${encodeURIComponent(sandbox.project)}/statuses/${sandbox.sha}`, {
      method: "POST",
      headers: { authorization: `Bearer ${sandbox.token}`, "content-type": "application/json" },
      body: JSON.stringify({ state: "failed", name: "ci/docs", description: "by hand" }),
    });
    await bench().report(push());
    expect(states()).toEqual(["ci/docs: success"]);
  });
});

describe("the commit whose status is set", () => {
  it.each([
    ["a merge request", "change.opened", (part: object) => ({ change: { number: 41, ...part } })],
    [
      "a deployment",
      "deployment.succeeded",
      (part: object) => ({ deployment: { id: "1", environment: "e", ...part } }),
    ],
    ["a release", "release.published", (part: object) => ({ release: { tag: "v1", ...part } })],
    ["a job", "job.succeeded", (part: object) => ({ job: { id: "1", pipeline: sandbox.project, ...part } })],
  ])("a run that was caused by %s sets a status", async (_, type, detail) => {
    const { project, sha: commit, url } = sandbox;
    const event = { type, ...detail({ project, commit, url: `${url}/${project}/x` }) };
    expect(await bench().report(causeOf("gitlab", event))).toHaveProperty("facts");
    expect(states()).toEqual(["ci/docs: success"]);
  });

  it.each<[string, (part: object) => object, string]>([
    ["a job for a branch is set on the branch", (part) => ({ branch: "main", ...part }), "main"],
    ["a job for a tag is set on the tag", (part) => ({ tag: "v1", ...part }), "v1"],
  ])("the status of a run that was caused by %s", async (_, job, ref) => {
    const { project, sha: commit, url } = sandbox;
    const origin = causeOf("gitlab", {
      type: "job.succeeded",
      job: job({ pipeline: project, commit, url: `${url}/${project}/x` }),
    });
    for (const state of ["running", "succeeded"] as const) await bench().report(origin, { state });
    expect(sandbox.shown()).toMatchObject([{ ref, state: "success" }]);
  });

  const own = () => buildEntry({ system: "gitlab" });
  const others: readonly [string, () => BusEvent][] = [
    ["another port", () => push({ projectUrl: "http://127.0.0.1:1/platform/docs" })],
    ["another system", () => ({ ...push(), source: "drawbridge.buildkite" })],
    ["a pipeline of GitLab", () => ({ ...own(), source: "drawbridge.gitlab" })],
    ["another instance", () => push({ projectUrl: "https://gitlab.example.com/platform/docs" })],
    ["an instance whose name begins like the target's", () => push({ projectUrl: `${sandbox.url}0/platform/docs` })],
    ["an event without an address", () => push({ projectUrl: undefined })],
    ["an address of another scheme", () => push({ projectUrl: "javascript:alert(1)" })],
    ["an address of another project", () => push({ projectUrl: `${sandbox.url}/${sandbox.project}-fork` })],
    ["a project of another address", () => push({ project: "platform/secrets" })],
    ["the removal of a branch", () => push({ commit: undefined })],
    ["a commit of another form", () => push({ commit: "../../../admin" })],
  ];
  it.each(others)("no status is set if the run was caused by %s", async (_, origin) => {
    expect(await bench().report(origin())).toMatchObject({
      outcome: "done",
      summary: expect.stringMatching(/^no status: /),
    });
    expect(sandbox.requests).toEqual([]);
  });

  it("an instance whose links have another address than its API gets a status", async () => {
    const target = { url: "https://GitLab.example.com:443/code", api: sandbox.url };
    const origin = push({ projectUrl: "https://gitlab.example.com/code/Platform/docs" });
    expect(await statusBench(sandbox, {}, target).report(origin)).toHaveProperty("facts");
    expect(await statusBench(sandbox, {}, target).report(push())).toMatchObject({
      summary: expect.stringMatching(/^no status/),
    });
    expect(states()).toEqual(["ci/docs: success"]);
  });

  it.each([
    [["platform/*"], "facts.commit"],
    [["PLATFORM/docs"], "facts.commit"],
    [["platform"], undefined],
    [["platform/docs-2", "plat/*"], undefined],
  ])("a target with the projects %j writes to platform/docs: %s", async (projects, path) => {
    const outcome = await statusBench(sandbox, {}, { projects }).report(push());
    if (path) return expect(outcome).toHaveProperty(path);
    expect(outcome).toEqual({
      outcome: "done",
      summary: 'no status: its project platform/docs is not in the target\'s "projects"',
    });
    expect(sandbox.requests).toEqual([]);
  });

  it("the action gives up an event that is not a build without looking for its cause", async () => {
    expect(await bench().run(push(), push())).toMatchObject({ outcome: "give_up" });
  });
});
