import { describe, expect, it } from "vitest";
import { jobSources } from "../../../../shared/config/connect.ts";
import { parseConfig } from "../../../../shared/config/load.ts";
import { rejectJob } from "../../../../shared/providers/status/job.ts";

const loaded = parseConfig(
  `
issuers:
  gitlab-jobs: { preset: gitlab, issuer: "https://gitlab.example.test", audience: a }
  github-jobs: { preset: github, issuer: "https://github.example.test/_services/token", audience: a }
  buildkite-jobs: { preset: buildkite, audience: a, claims: [{ path: organization_id, equals: "1" }] }
  other: { issuer: "https://idp.example.test", audience: a }
sources:
  one: { provider: gitlab, token: { current: env:A }, projects: [platform/*] }
  two: { provider: gitlab, token: { current: env:A }, projects: [docs/site] }
  code: { provider: github, secret: { current: env:A }, repositories: [acme/docs] }
  builds: { provider: buildkite, token: { current: env:A }, organization: acme, pipelines: [docs-*] }
`,
  "test.yaml",
);
if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
const { config } = loaded;

const rejected = (entry: string, claims: object, sources = config.sources) =>
  rejectJob({ ...claims }, config.issuers[entry], jobSources({ sources }));

describe("the status of a job", () => {
  it.each([
    ["gitlab-jobs", { project_path: "platform/docs" }],
    ["gitlab-jobs", { project_path: "Docs/Site" }],
    ["gitlab-jobs", { project_path: "lfuchs/docs", job_project_path: "platform/docs" }],
    ["github-jobs", { repository: "acme/docs" }],
    ["buildkite-jobs", { organization_slug: "acme", pipeline_slug: "docs-prod" }],
    ["other", { project_path: "ops/secrets" }],
  ])("a job of %s with the claims %j is not excluded", (entry, claims) => {
    expect(rejected(entry, claims)).toBeUndefined();
  });

  it.each([
    ["gitlab-jobs", { project_path: "ops/secrets" }, { project: "ops/secrets", source: "one, two" }],
    ["gitlab-jobs", { project_path: "docs/site-2" }, { project: "docs/site-2" }],
    ["gitlab-jobs", { project_path: "platform/docs", job_project_path: "lfuchs/docs" }, { project: "lfuchs/docs" }],
    ["gitlab-jobs", {}, { project: "unknown" }],
    ["gitlab-jobs", { project_path: ["platform/docs"] }, { project: "unknown" }],
    ["github-jobs", { repository: "acme/docs-2" }, { project: "acme/docs-2", source: "code" }],
    ["github-jobs", {}, { project: "unknown" }],
    ["buildkite-jobs", { organization_slug: "acme", pipeline_slug: "ops" }, { pipeline: "acme/ops", source: "builds" }],
    ["buildkite-jobs", { organization_slug: "other", pipeline_slug: "docs-prod" }, { pipeline: "other/docs-prod" }],
    ["buildkite-jobs", { pipeline_slug: "docs-prod" }, { pipeline: "unknown/docs-prod" }],
    ["buildkite-jobs", { organization_slug: "acme" }, { pipeline: "acme/" }],
  ])("a job of %s with the claims %j is excluded", (entry, claims, facts) => {
    expect(rejected(entry, claims)).toMatchObject(facts);
  });

  it("a source of the same system that lists nothing accepts every job", () => {
    const open = config.sources.map((source) =>
      source.name === "two" ? { ...source, settings: { token: { current: "env:A" } } } : source,
    );
    expect(rejected("gitlab-jobs", { project_path: "ops/secrets" }, open)).toBeUndefined();
  });
});
