import type { TrustEntry } from "../../../shared/identity/trust-entry.ts";

type Claims = Readonly<Record<string, unknown>>;

/** How one issuer's tokens look, as its documentation tells, with invented names; and a trust entry that takes them. */
export interface IssuerShape {
  /** The preset. */
  readonly preset: TrustEntry["preset"]["name"];
  readonly issuer: string;
  readonly audience: string;
  /** Lines of the trust entry besides preset, issuer, audience and keys. */
  readonly entry: Readonly<Record<string, unknown>>;
  /** All claims but `iss` and the times. */
  readonly claims: Claims;
  readonly header?: Claims;
  /** From `iat` to `exp`, in seconds. */
  readonly lifetime: number;
  /** What must be refused besides the mistakes of all: a claim set to this value, and the reason. */
  readonly refused: readonly (readonly [what: string, changes: Claims, reason: string])[];
  /** What looks odd and must be taken. */
  readonly accepted: readonly (readonly [what: string, changes: Claims])[];
  /** What the principal is called. */
  readonly subject: string;
}

const AUDIENCE = "https://bridge.example.test";
const COMMIT = "5a1f".repeat(10);
const AWS = "https://sts.amazonaws.com/";
const APP = "ari:cloud:ecosystem::app/2f1c0d3e-0000-4000-8000-000000000001";
const TENANT = "11111111-2222-4333-8444-555555555555";

const gitlabClaims = {
  ...{ namespace_id: "72", namespace_path: "platform", project_id: "20", project_path: "platform/docs" },
  ...{
    job_namespace_id: "72",
    job_namespace_path: "platform",
    job_project_id: "20",
    job_project_path: "platform/docs",
  },
  ...{ user_id: "1", user_login: "robin", user_email: "robin@example.test", user_access_level: "developer" },
  ...{
    pipeline_id: "574",
    pipeline_source: "push",
    job_id: "302",
    job_source: "push",
    ref: "main",
    ref_type: "branch",
  },
  ...{ ref_path: "refs/heads/main", ref_protected: "true", runner_id: 1, runner_environment: "self-hosted" },
  ...{ sha: COMMIT, project_visibility: "private", ci_config_ref_uri: null, ci_config_sha: null },
  sub: "project_path:platform/docs:ref_type:branch:ref:main",
  aud: AUDIENCE,
  jti: "2f1c0d3e-0000-4000-8000-000000000002",
};

const entraClaims = (version: "1.0" | "2.0") => ({
  ...{ aud: "66666666-7777-4888-8999-000000000000", tid: TENANT, oid: "77777777-0000-4000-8000-000000000001" },
  ...{ sub: "pairwise-subject", ver: version, idtyp: "app", roles: ["Drawbridge.OnCall"], uti: "token-1" },
  ...(version === "2.0" ? { azp: "client-1", azpacr: "1" } : { appid: "client-1", appidacr: "1" }),
});

const entraRefused = [
  ["another tenant's", { tid: "99999999-2222-4333-8444-555555555555" }, "claim_mismatch"],
  ["groups left out, where the role asks for them", { roles: [], _claim_names: { groups: "src1" } }, "groups_omitted"],
  ["groups that are only told to be there", { roles: [], hasgroups: true }, "groups_omitted"],
] as const;
const entraRoles = [
  { role: "on-call", when: [{ path: "roles", equals: "Drawbridge.OnCall" }] },
  { role: "group", when: [{ path: "groups", equals: "88888888-0000-4000-8000-000000000001" }] },
];

/** One for each preset. */
export const ISSUER_SHAPES: readonly IssuerShape[] = [
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
      ...{ aud: AUDIENCE, organization_slug: "example", pipeline_slug: "docs", build_number: 12, build_branch: "main" },
      ...{ build_commit: COMMIT, step_key: "build", job_id: "0190a1b2-0000-4000-8000-000000000002" },
      ...{
        agent_id: "0190a1b2-0000-4000-8000-000000000003",
        build_source: "webhook",
        runner_environment: "self-hosted",
      },
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
        pod: { name: "docs-build-x7k2p-tell-pod", uid: "uid-2" },
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
      ...{ aud: AUDIENCE, repository: "example/docs", repository_id: "815", repository_owner: "example" },
      ...{ repository_owner_id: "4711", ref: "refs/heads/main", event_name: "push", run_id: "99", jti: "t-1" },
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
    preset: "okta",
    issuer: "https://login.example.test/oauth2/default",
    audience: "api://drawbridge",
    entry: { claims: [{ path: "scp", equals: "status" }], roles: ["ci"] },
    claims: {
      ...{
        sub: "0oa1client",
        aud: "api://drawbridge",
        scp: ["openid", "status"],
        cid: "0oa1client",
        ver: 1,
        jti: "AT.1",
      },
    },
    lifetime: 3_600,
    refused: [
      ["without the scope", { scp: ["openid"] }, "claim_mismatch"],
      ["with the scope as part of a word", { scp: ["status-all"] }, "claim_mismatch"],
      ["without scopes", { scp: undefined }, "claim_missing"],
    ],
    accepted: [["a user's", { uid: "00u1", sub: "robin@example.test" }]],
    subject: "0oa1client",
  },
  {
    preset: "entra",
    issuer: `https://login.microsoftonline.com/${TENANT}/v2.0`,
    audience: "66666666-7777-4888-8999-000000000000",
    entry: { roles: entraRoles },
    claims: entraClaims("2.0"),
    lifetime: 5_400,
    refused: [...entraRefused, ["of version 1", { ver: "1.0" }, "claim_mismatch"]],
    accepted: [
      ["a user's, whose scopes are words", { idtyp: "user", scp: "read write" }],
      ["groups left out, where a role is earned without them", { _claim_names: { groups: "src1" } }],
    ],
    subject: `${TENANT}/77777777-0000-4000-8000-000000000001`,
  },
  {
    preset: "entra-v1",
    issuer: `https://sts.windows.net/${TENANT}/`,
    audience: "66666666-7777-4888-8999-000000000000",
    entry: { roles: entraRoles },
    claims: entraClaims("1.0"),
    lifetime: 5_400,
    refused: [...entraRefused, ["of version 2", { ver: "2.0" }, "claim_mismatch"]],
    accepted: [
      ["a user's, whose names can change", { idtyp: "user", upn: "robin@example.test", unique_name: "robin" }],
    ],
    subject: `${TENANT}/77777777-0000-4000-8000-000000000001`,
  },
  {
    preset: "cognito",
    issuer: "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ab12Cd34E",
    audience: "4f6g7h8i9j0k1l2m3n4o5p6q7r",
    entry: { claims: [{ path: "scope", equals: "drawbridge/status" }], roles: ["ci"] },
    claims: {
      ...{ sub: "user-1", token_use: "access", client_id: "4f6g7h8i9j0k1l2m3n4o5p6q7r", username: "robin", jti: "t-1" },
      ...{ scope: "openid drawbridge/status", "cognito:groups": ["platform"] },
    },
    header: { typ: undefined },
    lifetime: 3_600,
    refused: [
      ["an ID token", { token_use: "id", client_id: undefined, aud: "4f6g7h8i9j0k1l2m3n4o5p6q7r" }, "claim_missing"],
      ["an ID token that names the client too", { token_use: "id" }, "claim_mismatch"],
      ["another client's", { client_id: "another" }, "audience_mismatch"],
      ["our client's for another resource", { aud: "https://other.example.test" }, "audience_mismatch"],
      ["another scope's", { scope: "openid drawbridge/read" }, "claim_mismatch"],
    ],
    accepted: [
      ["our client's for us as a resource", { aud: "4f6g7h8i9j0k1l2m3n4o5p6q7r" }],
      ["a machine's, without a user", { username: undefined, "cognito:groups": undefined }],
    ],
    subject: "user-1",
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
      ...{ sub: "arn:aws:iam::111122223333:role/ci/docs/build", aud: AUDIENCE, jti: "t-1" },
      [AWS]: {
        ...{ aws_account: "111122223333", source_region: "eu-central-1", org_id: "o-1" },
        ...{ principal_tags: { team: "platform" }, request_tags: { team: "x" } },
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
  {
    preset: "forge",
    issuer: "forge/invocation-token",
    audience: APP,
    entry: { claims: [{ path: ["app", "environment", "type"], equals: "PRODUCTION" }] },
    claims: {
      ...{ aud: APP, jti: "t-1", principal: "712020:41ce" },
      app: {
        ...{ id: APP, version: "5", environment: { type: "PRODUCTION", id: "e-1" } },
        installation: { id: "ari:cloud:ecosystem::installation/9d07", contexts: [] },
      },
      context: { cloudId: "cloud-1", siteUrl: "https://example.atlassian.test" },
    },
    lifetime: 25,
    refused: [
      ["another app's, which names itself", { aud: "ari:cloud:ecosystem::app/other" }, "audience_mismatch"],
      ["a development environment's", { app: { environment: { type: "DEVELOPMENT" } } }, "claim_mismatch"],
    ],
    accepted: [["a back-end call, without context", { context: undefined, principal: undefined }]],
    subject: "ari:cloud:ecosystem::installation/9d07",
  },
  {
    preset: "google",
    issuer: "https://accounts.google.com",
    audience: AUDIENCE,
    entry: { claims: [{ path: "sub", equals: "103456789012345678901" }], roles: ["ci"] },
    claims: {
      ...{ sub: "103456789012345678901", azp: "103456789012345678901", aud: AUDIENCE },
      ...{ email: "robot@example.iam.gserviceaccount.test", email_verified: true },
    },
    lifetime: 3_600,
    refused: [["a new account of the same address", { sub: "109876543210987654321" }, "tenant_mismatch"]],
    accepted: [["without an address", { email: undefined, email_verified: undefined }]],
    subject: "103456789012345678901",
  },
  {
    preset: "keycloak",
    issuer: "https://login.example.test/realms/platform",
    audience: "drawbridge",
    entry: {
      claims: [{ path: ["resource_access", "docs.example", "roles"], equals: "writer" }],
      roles: [{ role: "ci", when: [{ path: ["realm_access", "roles"], equals: "ci" }] }],
    },
    claims: {
      ...{
        sub: "user-1",
        typ: "Bearer",
        azp: "docs",
        aud: ["drawbridge", "account"],
        scope: "openid email",
        jti: "t-1",
      },
      ...{
        realm_access: { roles: ["ci", "offline_access"] },
        resource_access: { "docs.example": { roles: ["writer"] } },
      },
    },
    lifetime: 300,
    refused: [
      ["a refresh token", { typ: "Refresh" }, "claim_mismatch"],
      ["an ID token", { typ: "ID" }, "claim_mismatch"],
      ["only the account's", { aud: "account" }, "audience_mismatch"],
      [
        "a client whose name was cut at its dot",
        { resource_access: { docs: { example: { roles: ["writer"] } } } },
        "claim_missing",
      ],
      ["a lightweight token, without roles", { resource_access: undefined, realm_access: undefined }, "claim_missing"],
    ],
    accepted: [["groups that are paths", { groups: ["/platform/docs"] }]],
    subject: "user-1",
  },
  {
    preset: "kong",
    issuer: "https://a1b2c3.eu.identity.konghq.com/auth",
    audience: AUDIENCE,
    entry: { claims: [{ path: "scope", equals: "status" }], roles: ["ci"] },
    claims: { sub: "client-1", client_id: "client-1", aud: [AUDIENCE], scope: "status read" },
    lifetime: 300,
    refused: [["another scope's", { scope: "statuses" }, "claim_mismatch"]],
    accepted: [["an audience that is no list", { aud: AUDIENCE }]],
    subject: "client-1",
  },
  {
    preset: "oidc",
    issuer: "https://issuer.example.test",
    audience: AUDIENCE,
    entry: { claims: [{ path: "groups", glob: "platform-*" }], roles: ["ci"] },
    claims: { sub: "someone", aud: AUDIENCE, groups: ["platform-docs", "all"] },
    header: { typ: "at+jwt" },
    lifetime: 600,
    refused: [
      ["another group's", { groups: ["docs-platform-a"] }, "claim_mismatch"],
      ["a group with a slash", { groups: ["platform-a/b"] }, "claim_mismatch"],
    ],
    accepted: [["one group that is no list", { groups: "platform-docs" }]],
    subject: "someone",
  },
];
