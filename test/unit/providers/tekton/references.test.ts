import { describe, expect, it } from "vitest";
import { buildOf, jobOf, readBytes, run } from "./reading-events.ts";

const SHA = "3f9d2c81b7a64e05c1d8f7a2e4b6093d5c7e8f10";
const pac = (values: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [`pipelinesascode.tekton.dev/${key}`, value]));
const params = (values: Readonly<Record<string, unknown>>) => ({
  spec: { params: Object.entries(values).map(([name, value]) => ({ name, value })) },
});

describe("a run of Pipelines-as-Code", () => {
  it.each([
    ["a push to a branch", { "event-type": "push", branch: "refs/heads/main" }, { branch: "main", source: "push" }],
    ["a push to a branch, by its short name", { "event-type": "push", branch: "release/2" }, { branch: "release/2" }],
    ["a push of a tag", { "event-type": "push", branch: "refs/tags/v2.0" }, { tag: "v2.0", source: "push" }],
    ["a push of a tag, by its short name", { "event-type": "Tag Push", branch: "v2.0" }, { tag: "v2.0" }],
    ["a started run", { "event-type": "incoming", branch: "main" }, { branch: "main", source: "incoming" }],
    ["a pull request", { "event-type": "pull_request", branch: "main", "pull-request": "7" }, { change: { id: "7" } }],
    [
      "a comment on one",
      { "event-type": "test-comment", branch: "main", "pull-request": "7" },
      { change: { id: "7" } },
    ],
    ["a pull request without a number", { "event-type": "Merge_Request", branch: "main" }, { source: "Merge_Request" }],
  ])("%s is read from annotations", async (_, annotations, expected) => {
    const build = await buildOf({ metadata: { annotations: pac(annotations) }, ...params({ branch: "main" }) });
    expect(build).toMatchObject(expected);
    for (const member of ["branch", "tag", "change"]) {
      if (!(member in expected)) expect(build).not.toHaveProperty(member);
    }
  });

  it("both branches and projects of a pull request are read, and no branch", async () => {
    const annotations = pac({
      "event-type": "pull_request",
      "pull-request": "7",
      branch: "refs/heads/main",
      "source-branch": "refs/heads/fix/links",
      "repo-url": "https://git.example.test/platform/docs.git",
      "source-repo-url": "https://bot:se@cret@git.example.test/outsider/docs/",
    });
    const { change, branch } = await buildOf({ metadata: { annotations } });
    expect(branch).toBeUndefined();
    expect(change).toEqual({
      id: "7",
      sourceProject: "https://git.example.test/outsider/docs",
      targetProject: "https://git.example.test/platform/docs",
      sourceBranch: "fix/links",
      targetBranch: "main",
      fork: true,
    });
  });

  const [ours, theirs] = ["https://git.example.test/platform/docs", "https://git.example.test/outsider/docs"];
  it.each([
    ["other addresses", { "repo-url": ours, "source-repo-url": theirs }, true],
    ["the same address", { "repo-url": ours, "source-repo-url": ours }, false],
    [
      "the same address in another spelling",
      { "repo-url": `${ours}.git`, "source-repo-url": ours.replace("docs", "Docs") },
      false,
    ],
    ["other project ids", { "source-project-id": "99", "target-project-id": "15" }, true],
    ["the same project id", { "source-project-id": "15", "target-project-id": "15" }, false],
    ["one address and other ids", { "repo-url": ours, "source-project-id": "99", "target-project-id": "15" }, true],
    ["one address", { "repo-url": ours }, undefined],
    ["an empty address", { "repo-url": ours, "source-repo-url": "" }, undefined],
    ["no project", {}, undefined],
  ])("a pull request with %s is read as from a fork: %s", async (_, values, fork) => {
    const { change } = await buildOf({ metadata: { annotations: pac({ "pull-request": "7", ...values }) } });
    expect(change?.id).toBe("7");
    expect(change?.fork).toBe(fork);
  });

  it("the commit, its title, the sender and the log are read", async () => {
    const annotations = pac({
      sha: SHA,
      "sha-title": "Fix a link\n\nmore",
      sender: "ines",
      "log-url": "https://c.test/1",
    });
    const reading = await readBytes(
      Buffer.from(JSON.stringify({ pipelineRun: run({ metadata: { annotations } }) })),
      { "ce-type": "dev.tekton.event.pipelinerun.successful.v1" },
      "",
    );
    expect(reading).toMatchObject({
      events: [{ build: { commit: SHA, title: "Fix a link", startedBy: "ines", url: "https://c.test/1" } }],
    });
  });

  it("the configured dashboard counts more than the log's address, which whoever creates a run can write", async () => {
    const { url } = await buildOf({ metadata: { annotations: pac({ "log-url": "https://elsewhere.test/" }) } });
    expect(url).toBe("https://tekton.example.test/#/namespaces/ci/pipelineruns/docs-1");
  });

  it.each([
    ["https://bot:hunter2@c.test/1", "https://c.test/1"],
    ["https://c.test/1?private_token=hunter2", undefined],
    ["https://c.test/1?private_token=REDACTED", undefined],
  ])("the log at %s has the address %s", async (address, url) => {
    const annotations = pac({ "log-url": address });
    const reading = await readBytes(
      Buffer.from(JSON.stringify({ pipelineRun: run({ metadata: { annotations } }) })),
      { "ce-type": "dev.tekton.event.pipelinerun.successful.v1" },
      "",
    );
    const [event] = reading.outcome === "event" ? reading.events : [];
    expect(event && "build" in event && event.build.url).toBe(url);
  });

  it("an e-mail address is not read as the sender", async () => {
    const { startedBy } = await buildOf({ metadata: { annotations: pac({ sender: "ines@example.test" }) } });
    expect(startedBy).toBeUndefined();
  });

  it.each([
    ["refs-heads-main", { branch: "main" }],
    ["refs-tags-v2.0", { tag: "v2.0" }],
    ["main", { branch: "main" }],
    ["refs-heads-feature-x", {}],
  ])("a label %s is read as a branch or tag only if no dash can stand for a slash", async (label, expected) => {
    const labels = pac({ branch: label, "event-type": "push", sha: SHA });
    const { branch, tag, commit, source } = await buildOf({ metadata: { labels } });
    expect({ ...(branch && { branch }), ...(tag && { tag }) }).toEqual(expected);
    expect({ commit, source }).toEqual({ commit: SHA, source: "push" });
  });

  it("its tasks have the same commit, branch and change", async () => {
    const annotations = pac({ sha: SHA, "pull-request": "7", branch: "main", "event-type": "pull_request" });
    expect(await jobOf({ metadata: { annotations } })).toMatchObject({
      commit: SHA,
      source: "pull_request",
      change: { id: "7", targetBranch: "main" },
    });
  });

  it("annotations that are null are read as absent", async () => {
    const annotations = pac({ branch: "main", "pull-request": null, sha: null });
    expect(await buildOf({ metadata: { annotations, labels: null } })).toMatchObject({ branch: "main" });
  });
});

describe("a run with params", () => {
  it.each([
    ["git-ref", "refs/heads/main", { branch: "main" }],
    ["git-ref", "refs/tags/v2.0", { tag: "v2.0" }],
    ["revision", "refs/tags/v2.0", { tag: "v2.0" }],
    ["ref", "refs/pull/7/head", { change: { id: "7" } }],
    ["git-revision", "refs/merge-requests/37/merge", { change: { id: "37" } }],
    ["branch", "refs/heads/main", { branch: "main" }],
    ["git-branch", "release/2", { branch: "release/2" }],
    ["git-ref", "main", {}],
    ["revision", "v6.5.6", {}],
    ["branch", "refs/notes/commits", {}],
    ["branch", ["main"], {}],
  ])("a param %s with value %s is read as the branch, tag or change that it names", async (name, value, expected) => {
    const { branch, tag, change } = await buildOf(params({ [name]: value }));
    expect(JSON.parse(JSON.stringify({ branch, tag, change }))).toEqual(expected);
  });

  it("a full reference counts more than a branch", async () => {
    const build = await buildOf(params({ branch: "main", revision: "refs/pull/7/head" }));
    expect(build).toMatchObject({ change: { id: "7" } });
    expect(build).not.toHaveProperty("branch");
  });

  it("a commit is read from the annotation of the revision", async () => {
    expect(await buildOf({ metadata: { annotations: { "tekton.dev/git-revision": SHA } } })).toMatchObject({
      commit: SHA,
    });
  });

  it("a commit is read from the result that Chains uses", async () => {
    const pipelineResults = [{ name: "CHAINS-GIT_COMMIT", value: SHA }];
    expect(await buildOf({ status: { pipelineResults } })).toMatchObject({ commit: SHA });
  });
});
