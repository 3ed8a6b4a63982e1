import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { checkLoaded } from "../../../shared/config/check.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { rolesOf } from "../../../shared/identity/roles-of.ts";
import type { TrustEntry } from "../../../shared/identity/trust-entry.ts";
import { secretsOf } from "../../support/test-doubles.ts";
import { attack, givesAway, rsaA } from "./attacking.ts";
import { AUDIENCE, entryOf, keySetOf, NOW, tokenOf } from "./tokens.ts";

const TENANT = "6f0f9a1c-1111-4222-8333-944455556666";
const OTHER_TENANT = "6f0f9a1c-1111-4222-8333-944455556667";
const ENTRA = `https://login.microsoftonline.com/${TENANT}/v2.0`;
const ENTRA_V1 = `https://sts.windows.net/${TENANT}/`;
const APP = "ari:cloud:ecosystem::app/5f0e1d2c-0000-4000-8000-000000000001";

/** An entry of one issuer that signs for all its customers, with our pins and the keys at hand. */
const entryFor = (
  issuer: string,
  preset: string,
  pins: Readonly<Record<string, string>>,
  more: object = {},
): TrustEntry =>
  entryOf({
    issuer,
    preset,
    jwks: { inline: keySetOf(rsaA) },
    claims: Object.entries(pins).map(([path, equals]) => ({ path, equals })),
    ...more,
  });

const gitlab = entryFor("https://gitlab.com", "gitlab", { namespace_id: "72" });
const gitlabBySlug = entryFor("https://gitlab.com", "gitlab", { namespace_path: "platform" });
const gitlabProject = entryFor("https://gitlab.com", "gitlab", { project_id: "72" });
const gitlabJob = entryFor("https://gitlab.com", "gitlab", { job_project_id: "72" });
const gitlabSubject = entryFor("https://gitlab.com", "gitlab", {
  sub: "project_path:platform/docs:ref_type:branch:ref:main",
});
const gitlabFork = entryFor("https://gitlab.com", "gitlab", { project_id: "99", job_project_id: "72" });
const ofMergeRequest = { job_project_id: "72", pipeline_source: "merge_request_event" };
const releases = { role: "release", when: [{ path: "project_id", equals: "72" }] };
const gitlabRole = entryFor("https://gitlab.com", "gitlab", { namespace_id: "1" }, { roles: [releases] });
const buildkite = entryFor("https://agent.buildkite.com", "buildkite", { organization_slug: "platform" });
const github = entryFor("https://token.actions.githubusercontent.com", "github", { repository_owner_id: "72" });
const entra = entryFor(ENTRA, "entra", {}, { roles: [{ role: "ci", when: [{ path: "groups", equals: "g1" }] }] });
const entraGroup = entryFor(ENTRA, "entra", { groups: "g1" });
const entraApps = entryFor(ENTRA, "entra", { idtyp: "app" });
const forge = entryFor("forge/invocation-token", "forge", {}, { audience: APP });

const v2 = { tid: TENANT, ver: "2.0", scp: "read" };
const forgeTimes = { aud: APP, iat: NOW - 31, nbf: NOW - 31, exp: NOW - 6 };

type Row = [id: string, what: string, entry: TrustEntry, claims: object, status: number, reason: string];

const attacks: Row[] = [
  [
    "T28",
    "our project's code in a fork's pipeline",
    gitlabProject,
    { project_id: "72", job_project_id: "99" },
    403,
    "tenant_mismatch",
  ],
  [
    "T28",
    "a fork's code in our pipeline",
    gitlabProject,
    { project_id: "99", job_project_id: "72" },
    403,
    "tenant_mismatch",
  ],
  [
    "T28",
    "a merge request that does not say where it runs",
    gitlabProject,
    { project_id: "72", pipeline_source: "merge_request_event" },
    401,
    "claim_missing",
  ],
  [
    "T28",
    "a fork's code in our pipeline, if the entry names only the project that it runs in",
    gitlabJob,
    { project_id: "99", job_project_id: "72", ref: "main", ref_protected: "true" },
    403,
    "tenant_mismatch",
  ],
  [
    "T28",
    "our subject in another project's pipeline",
    gitlabSubject,
    {
      sub: "project_path:platform/docs:ref_type:branch:ref:main",
      project_path: "platform/docs",
      job_project_path: "elsewhere/docs",
    },
    403,
    "tenant_mismatch",
  ],
  [
    "T28",
    "a fork that is not the one named",
    gitlabFork,
    { project_id: "98", job_project_id: "72" },
    403,
    "tenant_mismatch",
  ],
  [
    "T29",
    "another namespace with our slug",
    gitlab,
    { namespace_id: "73", namespace_path: "platform" },
    403,
    "tenant_mismatch",
  ],
  ["T29", "an id that ours begins", gitlab, { namespace_id: "720" }, 403, "tenant_mismatch"],
  ["T29", "an id that is part of a text", gitlab, { namespace_id: "71,72" }, 403, "tenant_mismatch"],
  ["T29", "a slug below ours", gitlabBySlug, { namespace_path: "platform/x" }, 403, "tenant_mismatch"],
  ["T29", "a slug in look-alike letters", gitlabBySlug, { namespace_path: "pl\u0430tform" }, 403, "tenant_mismatch"],
  ["T29", "a slug in another case", buildkite, { organization_slug: "Platform" }, 403, "tenant_mismatch"],
  [
    "T29",
    "another owner of a repository",
    github,
    { repository_owner_id: "73", repository_owner: "platform" },
    403,
    "tenant_mismatch",
  ],
  ["T29", "no id at all", github, { repository_owner: "platform" }, 401, "claim_missing"],
  [
    "T30",
    "a token of version 1 at an entry for version 2",
    entra,
    { iss: ENTRA_V1, tid: TENANT, ver: "1.0", scp: "read" },
    401,
    "issuer_unknown",
  ],
  ["T30", "a version that is not its issuer's", entra, { ...v2, ver: "1.0" }, 401, "claim_mismatch"],
  [
    "T30",
    "a token of version 2 at an entry for version 1",
    entryFor(ENTRA_V1, "entra-v1", {}),
    { iss: ENTRA, ...v2 },
    401,
    "issuer_unknown",
  ],
  ["T30", "another tenant's issuer", entra, { ...v2, iss: ENTRA.replace(TENANT, OTHER_TENANT) }, 401, "issuer_unknown"],
  ["T30", "the issuer's template", entra, { ...v2, iss: ENTRA.replace(TENANT, "{tenantid}") }, 401, "issuer_unknown"],
  ["T30", "another tenant in our issuer's name", entra, { ...v2, tid: OTHER_TENANT }, 401, "claim_mismatch"],
  ["T30", "groups that are left out", entra, { ...v2, _claim_names: { groups: "src1" } }, 403, "groups_omitted"],
  [
    "T30",
    "groups that are left out, if the entry asks for one",
    entraGroup,
    { ...v2, _claim_names: { groups: "src1" } },
    403,
    "groups_omitted",
  ],
  ["T30", "a user's token instead of an app's", entraApps, { ...v2, idtyp: "user" }, 401, "claim_mismatch"],
  ["T31", "another app", forge, { aud: APP.replace(/1$/, "2"), app: { id: APP } }, 401, "audience_mismatch"],
  ["T31", "an end 6 seconds ago", forge, forgeTimes, 401, "token_expired"],
];

describe("an attack with a good token of another tenant, version or kind", () => {
  it.each<Row>(attacks)(
    "the attack %s (%s) is rejected without a call",
    async (_id, _what, entry, claims, status, reason) => {
      const token = tokenOf(entry.issuer, rsaA, { claims });
      const { logged, ...outcome } = await attack(token, { entry });
      expect(outcome).toEqual({ status, reason, calls: 0 });
      expect(givesAway(logged, token)).toBe(false);
    },
  );

  it.each<[string, string, TrustEntry, object]>([
    ["T28", "our project's code in our pipeline", gitlabProject, { project_id: "72", job_project_id: "72" }],
    ["T28", "a fork that the entry names, in our pipeline", gitlabFork, { project_id: "99", job_project_id: "72" }],
    ["T28", "our project's own merge request", gitlabJob, { ...ofMergeRequest, project_id: "72" }],
    ["T29", "our id under another slug, after a change of name", gitlab, { namespace_id: "72", namespace_path: "new" }],
    ["T30", "a group that is not left out", entra, { ...v2, groups: ["g1"] }],
    ["T30", "an app's token if one is wanted", entraApps, { ...v2, idtyp: "app" }],
    ["T31", "our app", forge, { ...forgeTimes, exp: NOW - 4, iat: NOW - 29 }],
  ])("a good token that resembles the attack %s is accepted (%s)", async (_id, _what, entry, claims) => {
    const token = tokenOf(entry.issuer, rsaA, { claims: { aud: AUDIENCE, ...claims } });
    expect((await attack(token, { entry })).reason).toBe("accepted");
  });
});

describe("a role for our project's code", () => {
  const claims = { namespace_id: "1", job_namespace_id: "1", project_id: "72" };

  it.each([
    ["T28", "earned if the code runs in our project", "72", ["release"]],
    ["T28", "not earned if the code runs in another project of our namespace", "73", []],
  ])("%s: the role is %s", (_id, _what, job_project_id, roles) => {
    expect(rolesOf({ ...claims, job_project_id }, gitlabRole)).toEqual({ ok: true, value: roles });
  });
});

describe("a configuration that would give a role to whoever asks", () => {
  const AWS = "https://5e0f1d2c-0000-4000-8000-000000000001.tokens.sts.global.api.aws";

  const gitlab = { preset: "gitlab", issuer: "https://gitlab.example.test" };
  const buildkite = { preset: "buildkite", claims: [{ path: "organization_id", equals: "o-1" }] };
  const google = { preset: "google", claims: [{ path: "hd", equals: "example.test" }] };
  const okta = { preset: "okta", issuer: "https://login.example.test/oauth2/aus1" };
  const plain = { issuer: "https://login.example.test" };
  const findings = async (entry: object): Promise<readonly string[]> => {
    const config = { sources: {}, issuers: { a: { audience: AUDIENCE, ...entry } } };
    const found = await checkLoaded(parseConfig(stringify(config), "test.yaml"), "test.yaml", secretsOf({}));
    return found.filter(({ level }) => level === "error").map(({ message }) => message);
  };

  it.each<[string, string, object, string | readonly string[], string]>([
    ["T32", "an e-mail address", { preset: "entra", issuer: ENTRA }, "email", "oid"],
    ["T32", "a preferred username", { preset: "entra", issuer: ENTRA }, "preferred_username", "oid"],
    ["T32", "a login", gitlab, "user_login", "user_id"],
    ["T32", "an address at Google", google, "email", "sub"],
    ["T32", "an address at Okta", okta, "email", "uid"],
    ["T32", "a preferred username at Okta", okta, "preferred_username", "uid"],
    ["T32", "an address at any issuer", plain, "email", "sub"],
    ["T32", "a tag of an agent", buildkite, "agent_tag:queue", "pipeline_slug"],
    [
      "T32",
      "the caller's own tags",
      { preset: "aws", issuer: AWS },
      ["https://sts.amazonaws.com/", "request_tags", "a"],
      "sub",
    ],
  ])("%s: a role or a trust rule by %s alone is an error", async (_id, _what, entry, path, instead) => {
    const rule = { path, equals: "ci" };
    expect(await findings({ ...entry, roles: [{ role: "ci", when: [rule] }] })).toEqual([
      expect.stringMatching(`give itself the role "ci": ask for ${instead}`),
    ]);
    expect(await findings({ ...entry, roles: ["ci"], claims: [rule] })).toContainEqual(
      expect.stringMatching(`satisfy the entry: ask for ${instead}`),
    );
    const firm = { path: "sub", equals: "x" };
    expect(await findings({ ...entry, roles: [{ role: "ci", when: [rule, firm] }] })).toEqual([]);
  });

  it("T32: tags that an administrator gives are no error", async () => {
    const rule = { path: ["https://sts.amazonaws.com/", "principal_tags", "team"], equals: "docs" };
    expect(
      await findings({ preset: "aws", issuer: AWS, claims: [rule], roles: [{ role: "ci", when: [rule] }] }),
    ).toEqual([]);
  });
});
