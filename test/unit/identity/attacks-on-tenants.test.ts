import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { checkLoaded } from "../../../shared/config/check.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import type { TrustEntry } from "../../../shared/identity/trust-entry.ts";
import { secretsOf } from "../../support/tools.ts";
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
    ...{ issuer, preset, jwks: { inline: keySetOf(rsaA) } },
    claims: Object.entries(pins).map(([path, equals]) => ({ path, equals })),
    ...more,
  });

const gitlab = entryFor("https://gitlab.com", "gitlab", { namespace_id: "72" });
const gitlabBySlug = entryFor("https://gitlab.com", "gitlab", { namespace_path: "platform" });
const gitlabProject = entryFor("https://gitlab.com", "gitlab", { project_id: "72" });
const buildkite = entryFor("https://agent.buildkite.com", "buildkite", { organization_slug: "platform" });
const github = entryFor("https://token.actions.githubusercontent.com", "github", { repository_owner_id: "72" });
const entra = entryFor(ENTRA, "entra", {}, { roles: [{ role: "ci", when: [{ path: "groups", equals: "g1" }] }] });
const entraApps = entryFor(ENTRA, "entra", { idtyp: "app" });
const forge = entryFor("forge/invocation-token", "forge", {}, { audience: APP });

const v2 = { tid: TENANT, ver: "2.0" };
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
    { iss: ENTRA_V1, tid: TENANT, ver: "1.0" },
    401,
    "issuer_unknown",
  ],
  ["T30", "a version that is not its issuer's", entra, { tid: TENANT, ver: "1.0" }, 401, "claim_mismatch"],
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
  ["T30", "a user's token where an app's is wanted", entraApps, { ...v2, idtyp: "user" }, 401, "claim_mismatch"],
  ["T31", "another app", forge, { aud: APP.replace(/1$/, "2"), app: { id: APP } }, 401, "audience_mismatch"],
  ["T31", "an end 6 seconds ago", forge, forgeTimes, 401, "token_expired"],
];

describe("an attack with a good token of another tenant, version or kind", () => {
  it.each<Row>(attacks)("%s %s is refused, and asks nobody", async (_id, _what, entry, claims, status, reason) => {
    const token = tokenOf(entry.issuer, rsaA, { claims });
    const { logged, ...outcome } = await attack(token, { entry });
    expect(outcome).toEqual({ status, reason, calls: 0 });
    expect(givesAway(logged, token)).toBe(false);
  });

  it.each<[string, string, TrustEntry, object]>([
    ["T28", "our project's code in our pipeline", gitlabProject, { project_id: "72", job_project_id: "72" }],
    ["T29", "our id under another slug, after a change of name", gitlab, { namespace_id: "72", namespace_path: "new" }],
    ["T30", "a group, where they are not left out", entra, { ...v2, groups: ["g1"] }],
    ["T30", "an app's token where one is wanted", entraApps, { ...v2, idtyp: "app" }],
    ["T31", "our app", forge, { ...forgeTimes, exp: NOW - 4, iat: NOW - 29 }],
  ])("%s is none, and let in: %s", async (_id, _what, entry, claims) => {
    const token = tokenOf(entry.issuer, rsaA, { claims: { aud: AUDIENCE, ...claims } });
    expect((await attack(token, { entry })).reason).toBe("accepted");
  });
});

describe("a configuration that would give a role to whoever asks", () => {
  const AWS = "https://5e0f1d2c-0000-4000-8000-000000000001.tokens.sts.global.api.aws";

  it.each<[string, string, object, readonly string[]]>([
    ["T32", "an e-mail address", { preset: "entra", issuer: ENTRA }, ["email"]],
    [
      "T32",
      "a tag that the caller sets",
      { preset: "aws", issuer: AWS },
      ["https://sts.amazonaws.com/", "request_tags", "role"],
    ],
  ])("%s is refused: by %s alone", async (_id, _what, issuer, path) => {
    const roles = [{ role: "ci", when: [{ path, equals: "ci" }] }];
    const config = { sources: {}, issuers: { a: { ...issuer, audience: AUDIENCE, roles } } };
    const findings = await checkLoaded(parseConfig(stringify(config), "test.yaml"), "test.yaml", secretsOf({}));
    expect(findings.filter(({ level }) => level === "error")).toEqual([
      { level: "error", message: expect.stringContaining('give itself the role "ci"') },
    ]);
  });
});
