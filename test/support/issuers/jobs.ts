import { AUDIENCE, type IssuerShape } from "./shape.ts";

const COMMIT = "5a1f".repeat(10);
const AWS = "https://sts.amazonaws.com/";

const gitlabClaims = {
  namespace_id: "72",
  namespace_path: "platform",
  project_id: "20",
  project_path: "platform/docs",
  job_namespace_id: "72",
  job_namespace_path: "platform",
  job_project_id: "20",
  job_project_path: "platform/docs",
  user_id: "1",
  user_login: "robin",
  user_email: "robin@example.test",
  user_access_level: "developer",
  pipeline_id: "574",
  pipeline_source: "push",
  job_id: "302",
  job_source: "push",
  ref: "main",
  ref_type: "branch",
  ref_path: "refs/heads/main",
  ref_protected: "true",
  runner_id: 1,
  runner_environment: "self-hosted",
  sha: COMMIT,
  project_visibility: "private",
  ci_config_ref_uri: null,
  ci_config_sha: null,
  sub: "project_path:platform/docs:ref_type:branch:ref:main",
  aud: AUDIENCE,
  jti: "2f1c0d3e-0000-4000-8000-000000000002",
};

/** Issuers of tokens for jobs and workloads. */
export const JOB_ISSUERS: readonly IssuerShape[] = [
  {
    preset: "gitlab",
    issuer: "https://gitlab.com",
    audience: AUDIENCE,
    entry: {
      claims: [
        { path: "namespace_id", equals: "72" },
        { path: "ref_protected", equals: "true" },
      ],
      roles: ["ci"],
    },
    claims: gitlabClaims,
    lifetime: 3_600,
    refused: [
      ["another namespace's", { namespace_id: "73", job_namespace_id: "73" }, "tenant_mismatch"],
      ["a fork's, whose job runs with us", { namespace_id: "99", project_id: "98" }, "tenant_mismatch"],
      ["ours, whose job runs elsewhere", { job_namespace_id: "99", job_project_id: "98" }, "tenant_mismatch"],
      [
        "a merge request's of an older server, which does not say where it runs",
        { job_namespace_id: undefined, pipeline_source: "merge_request_event" },
        "claim_missing",
      ],
      ["an unprotected branch's", { ref_protected: "false" }, "claim_mismatch"],
      [
        "a namespace's number in place of its text, which another issuer might write",
        { namespace_id: 73 },
        "tenant_mismatch",
      ],
    ],
    accepted: [
      [
        "an older server's push, which does not say where it runs",
        { job_namespace_id: undefined, job_project_id: undefined },
      ],
      ["several audiences, ours among them", { aud: ["https://vault.example.test", AUDIENCE] }],
      ["a subject of another form", { sub: "project_path:platform/docs:ref_type:branch:ref:main:ref_protected:true" }],
      ["a true boolean", { ref_protected: true }],
      ["a child pipeline's", { pipeline_source: "parent_pipeline" }],
      ["our own merge request's", { pipeline_source: "merge_request_event" }],
    ],
    subject: "project_path:platform/docs:ref_type:branch:ref:main",
  },
  {
    preset: "buildkite",
    issuer: "https://agent.buildkite.com",
    audience: AUDIENCE,
    entry: { claims: [{ path: "organization_slug", equals: "example" }], roles: ["ci"] },
    claims: {
      sub: `organization:example:pipeline:docs:ref:refs/heads/main:commit:${COMMIT}:step:build`,
      aud: AUDIENCE,
      organization_slug: "example",
      pipeline_slug: "docs",
      build_number: 12,
      build_branch: "main",
      build_commit: COMMIT,
      step_key: "build",
      job_id: "0190a1b2-0000-4000-8000-000000000002",
      agent_id: "0190a1b2-0000-4000-8000-000000000003",
      build_source: "webhook",
      runner_environment: "self-hosted",
    },
    lifetime: 300,
    refused: [
      ["none, whose subject names ours", { organization_slug: undefined }, "claim_missing"],
      ["another organization's", { organization_slug: "examp1e" }, "tenant_mismatch"],
      ["an organization whose name begins as ours", { organization_slug: "example-two" }, "tenant_mismatch"],
    ],
    accepted: [
      ["no step key", { step_key: null }],
      ["a subject that is one id", { sub: "0190a1b2-0000-4000-8000-000000000004" }],
      ["a claim with a colon in its name", { "agent_tag:queue": "default" }],
    ],
    subject: `organization:example:pipeline:docs:ref:refs/heads/main:commit:${COMMIT}:step:build`,
  },
  {
    preset: "kubernetes",
    issuer: "https://oidc.example.test/cluster/",
    audience: AUDIENCE,
    entry: { claims: [{ path: ["kubernetes.io", "namespace"], equals: "docs-ci" }], roles: ["ci"] },
    claims: {
      sub: "system:serviceaccount:docs-ci:pipeline",
      aud: [AUDIENCE],
      "kubernetes.io": {
        namespace: "docs-ci",
        serviceaccount: { name: "pipeline", uid: "uid-1" },
        pod: { name: "docs-build-x7k2p-report-pod", uid: "uid-2" },
      },
    },
    lifetime: 3_600,
    refused: [
      ["another namespace's", { "kubernetes.io": { namespace: "other" } }, "claim_mismatch"],
      ["no namespace's", { "kubernetes.io": {} }, "claim_missing"],
      [
        "a namespace under a flat name",
        { "kubernetes.io": undefined, "kubernetes.io.namespace": "docs-ci" },
        "claim_missing",
      ],
      [
        "an older token's flat claims",
        { "kubernetes.io": undefined, "kubernetes.io/serviceaccount/namespace": "docs-ci" },
        "claim_missing",
      ],
      ["the API server's own audience", { aud: ["https://kubernetes.default.svc"] }, "audience_mismatch"],
    ],
    accepted: [
      [
        "a node and a warning",
        { jti: "t-1", "kubernetes.io": { namespace: "docs-ci", node: { name: "n" }, warnafter: 1 } },
      ],
    ],
    subject: "system:serviceaccount:docs-ci:pipeline",
  },
  {
    preset: "github",
    issuer: "https://token.actions.githubusercontent.com",
    audience: AUDIENCE,
    entry: {
      claims: [
        { path: "repository_owner_id", equals: "4711" },
        { path: "event_name", equals: ["push", "workflow_dispatch"] },
      ],
      roles: ["ci"],
    },
    claims: {
      sub: "repo:example/docs:ref:refs/heads/main",
      aud: AUDIENCE,
      repository: "example/docs",
      repository_id: "815",
      repository_owner: "example",
      repository_owner_id: "4711",
      ref: "refs/heads/main",
      event_name: "push",
      run_id: "99",
      jti: "t-1",
    },
    lifetime: 300,
    refused: [
      ["another owner's of the same name", { repository_owner_id: "4712" }, "tenant_mismatch"],
      ["a pull request's", { event_name: "pull_request" }, "claim_mismatch"],
    ],
    accepted: [["a subject with ids", { sub: "repo:example@4711/docs@815:ref:refs/heads/main" }]],
    subject: "repo:example/docs:ref:refs/heads/main",
  },
  {
    preset: "aws",
    issuer: "https://0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d.tokens.sts.global.api.aws",
    audience: AUDIENCE,
    entry: {
      claims: [
        { path: "sub", glob: "arn:aws:iam::111122223333:role/ci/**" },
        { path: [AWS, "principal_tags", "team"], equals: "platform" },
      ],
      roles: ["ci"],
    },
    claims: {
      sub: "arn:aws:iam::111122223333:role/ci/docs/build",
      aud: AUDIENCE,
      jti: "t-1",
      [AWS]: {
        aws_account: "111122223333",
        source_region: "eu-central-1",
        org_id: "o-1",
        principal_tags: { team: "platform" },
        request_tags: { team: "x" },
      },
    },
    lifetime: 300,
    refused: [
      ["another role's", { sub: "arn:aws:iam::111122223333:role/cicd/docs" }, "claim_mismatch"],
      ["tags of the caller's own choice", { [AWS]: { request_tags: { team: "platform" } } }, "claim_missing"],
      ["tags under a dotted name", { [AWS]: undefined, [`${AWS}.principal_tags.team`]: "platform" }, "claim_missing"],
    ],
    accepted: [
      ["a Lambda function's", { [AWS]: { principal_tags: { team: "platform" }, lambda_source_function_arn: "arn" } }],
    ],
    subject: "arn:aws:iam::111122223333:role/ci/docs/build",
  },
];
