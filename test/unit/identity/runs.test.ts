import { describe, expect, it } from "vitest";
import { presetOf } from "../../../shared/identity/presets/registry.ts";
import type { Reading } from "../../../shared/model/reading.ts";
import { scheduled } from "../../../shared/providers/buildkite/parse-build.ts";
import { pipeline } from "../../../shared/providers/gitlab/parse-run.ts";
import { testClock } from "../../support/test-doubles.ts";

type Claims = Readonly<Record<string, unknown>>;

const COMMIT = "5a1f".repeat(10);
const runOf = (preset: string, claims: Claims) => presetOf(preset).run?.(claims);

/** The build that a webhook reports. The token and the webhook each know some facts that the other does not. */
function buildOf(reading: Reading): Readonly<Record<string, unknown>> {
  if (reading.outcome !== "event" || !("build" in reading.events[0])) throw new Error(`it is ${reading.outcome}`);
  return { ...reading.events[0].build };
}

describe("a GitLab job's token", () => {
  const webhookBuild = (source: string, ref: object = { ref: "main", tag: false }) => {
    const run = { id: 574, iid: 12, sha: COMMIT, source, status: "running", created_at: "2026-11-02 08:53:00 UTC" };
    const project = {
      id: 20,
      path_with_namespace: "platform/docs",
      web_url: "https://gitlab.example.test/platform/docs",
    };
    const body = { user: { id: 1, name: "Robin" }, project, object_attributes: { ...run, ...ref } };
    return buildOf(pipeline("pipeline", body, testClock().now()));
  };
  const claims = {
    project_path: "platform/docs",
    job_project_path: "platform/docs",
    pipeline_id: "574",
    pipeline_source: "push",
    sha: COMMIT,
    ref: "main",
    ref_type: "branch",
    ref_protected: "true",
  };

  const main = { branch: "main", protected: true };
  it.each<[string, Claims, Claims, Claims]>([
    ["a push", webhookBuild("push"), {}, main],
    ["a push on a server before 18.4", webhookBuild("push"), { job_project_path: undefined }, main],
    [
      "a tag",
      webhookBuild("push", { ref: "v1", tag: true }),
      { ref: "v1", ref_type: "tag", ref_protected: "false" },
      { tag: "v1", protected: false },
    ],
    [
      "a child pipeline, which is not its parent",
      webhookBuild("parent_pipeline"),
      { pipeline_source: "parent_pipeline" },
      main,
    ],
    [
      "a merge request, which is not its source branch",
      webhookBuild("merge_request_event"),
      { pipeline_source: "merge_request_event" },
      { change: { sourceProject: "platform/docs", sourceBranch: "main" } },
    ],
    [
      "a fork's merge request, which runs in our project",
      webhookBuild("merge_request_event"),
      { pipeline_source: "merge_request_event", project_path: "robin/docs" },
      { change: { sourceProject: "robin/docs", sourceBranch: "main", fork: true } },
    ],
    [
      "a child pipeline of a fork's merge request",
      webhookBuild("parent_pipeline"),
      { pipeline_source: "parent_pipeline", project_path: "robin/docs" },
      { change: { sourceProject: "robin/docs", sourceBranch: "main", fork: true } },
    ],
  ])("a GitLab job's token reports the same build as the webhook of its pipeline: %s", (_, build, changes, ref) => {
    const { system, id, pipeline: name, commit } = build;
    const { pipeline_source: source } = { ...claims, ...changes };
    // Not the number within the project, which the token does not hold.
    const run = { system, id, number: 574, pipeline: name, commit, source };
    expect(runOf("gitlab", { ...claims, ...changes })).toEqual({ ...run, ...ref });
  });

  it.each(["project_path", "pipeline_id"])("a GitLab job's token without %s reports no build", (claim) => {
    expect(runOf("gitlab", { ...claims, job_project_path: undefined, [claim]: undefined })).toBeUndefined();
  });
});

describe("a Buildkite job's token", () => {
  const claims = {
    organization_slug: "example",
    pipeline_slug: "docs",
    build_number: 12,
    build_branch: "main",
    build_commit: COMMIT,
  };
  const id = "0190a1b2-0000-4000-8000-000000000001";

  it("a Buildkite job's token reports the same build as the webhook if the job asked for the build's id", () => {
    const url = "https://api.buildkite.com/v2/organizations/example/pipelines/docs/builds/12";
    const body = {
      build: {
        id,
        number: 12,
        url,
        state: "scheduled",
        commit: COMMIT,
        branch: "main",
        created_at: "2026-11-02T08:53:00Z",
      },
      pipeline: { id: "p", slug: "docs" },
    };
    const {
      system,
      pipeline: name,
      number,
      commit,
      branch,
    } = buildOf(scheduled("build.scheduled", body, testClock().now()));
    const run = { system, id, pipeline: name, number, commit, branch };
    expect(runOf("buildkite", { ...claims, build_id: id })).toEqual(run);
  });

  it("a Buildkite job's token without a build's id reports a build of its own, and no commit by a name", () => {
    expect(runOf("buildkite", { ...claims, build_commit: "HEAD" })).toEqual({
      system: "buildkite",
      id: "example/docs#12",
      pipeline: "example/docs",
      number: 12,
      branch: "main",
    });
  });

  it("a Buildkite job's token of a tag reports no branch", () => {
    const tagged = runOf("buildkite", { ...claims, build_tag: "v1", build_branch: "v1", build_source: "api" });
    expect(tagged).toMatchObject({ tag: "v1", source: "api" });
    expect(tagged).not.toHaveProperty("branch");
  });

  it.each(["organization_slug", "pipeline_slug", "build_number"])(
    "a Buildkite job's token without %s reports no build",
    (claim) => {
      expect(runOf("buildkite", { ...claims, [claim]: undefined })).toBeUndefined();
    },
  );
});

describe("a service account's token", () => {
  const cluster = {
    namespace: "docs-ci",
    serviceaccount: { name: "pipeline" },
    pod: { name: "docs-x7k2p-report-pod" },
  };

  it("a service account's token reports its pod, but not which run that is", () => {
    expect(runOf("kubernetes", { "kubernetes.io": cluster })).toEqual({
      system: "tekton",
      id: "docs-ci/docs-x7k2p-report-pod",
      pipeline: "docs-ci/pipeline",
    });
  });

  it("a service account's token that is bound to no pod reports nothing", () => {
    expect(runOf("kubernetes", { "kubernetes.io": { ...cluster, pod: undefined } })).toBeUndefined();
  });
});
