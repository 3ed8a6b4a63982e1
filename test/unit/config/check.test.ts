import { describe, expect, it } from "vitest";
import { checkLoaded } from "../../../shared/config/check.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { secretsOf } from "../../support/test-doubles.ts";
import { whole } from "./files.ts";

const SECRETS = {
  WIKI_SECRET: "sixteen bytes, 16",
  WIKI_TOKEN: "b".repeat(16),
  EMPTY: "",
};

describe("a valid configuration", () => {
  it("a valid configuration has no findings, also with a status route on build events", async () => {
    expect(await findings(whole)).toEqual([]);
  });
});

/** The findings but for the advice to name a preset. */
const pinFindings = async (text: string) => (await findings(text)).filter((finding) => !finding.includes('"preset:'));

describe("a shared issuer", () => {
  it.each([
    ["https://gitlab.com", "namespace_id or project_id or job_namespace_id or job_project_id"],
    ["https://agent.buildkite.com", "organization_id or pipeline_id or cluster_id"],
    ["https://token.actions.githubusercontent.com", "repository_owner_id or repository_id or enterprise_id"],
    ["https://accounts.google.com", "sub or hd"],
  ])("the shared issuer %s needs a pinned id", async (issuer, ids) => {
    const message = `error 4:3 issuers.cluster: ${issuer} signs for all its customers; pin yours in "claims", by "equals" on ${ids}`;
    expect(await pinFindings(withIssuer(issuer, []))).toEqual([message]);
    expect(await pinFindings(withIssuer(issuer, [["environment", "production"]]))).toEqual([message]);
    expect(await pinFindings(withIssuer(issuer, [[ids.split(" ")[0] ?? "", "4711"]]))).toEqual([]);
  });

  it("a shared issuer pinned by a name alone is a warning, and one pinned by a name and an id is not", async () => {
    const byName: [string, string] = ["project_path", "platform/docs"];
    expect(await pinFindings(withIssuer("https://gitlab.com", [byName]))).toEqual([
      "warning 8:5 issuers.cluster.claims: they pin a name, which another customer can take over later; pin namespace_id or project_id or job_namespace_id or job_project_id too",
    ]);
    expect(await pinFindings(withIssuer("https://gitlab.com", [byName, ["project_id", "7"]]))).toEqual([]);
  });

  it.each(["https://token.actions.example.ghe.com", "accounts.google.com"])(
    "the shared issuer %s needs a pinned id as well",
    async (issuer) => {
      expect(await pinFindings(withIssuer(issuer, []))).toEqual([expect.stringMatching(/^error .* signs for all/)]);
    },
  );

  it("a shared issuer needs a pinned id whichever preset the entry names", async () => {
    const misnamed = withIssuer("https://agent.buildkite.com", []);
    for (const preset of ["gitlab", "kubernetes"]) {
      const text = misnamed.replace("  cluster:\n", `  cluster:\n    preset: ${preset}\n`);
      expect(await findings(text)).toContainEqual(expect.stringMatching(/^error .* signs for all/));
    }
  });

  it.each<[string, string, string]>([
    ["the beginning of an id", "https://gitlab.com", '{"path":"namespace_id","prefix":"72"}'],
    ["any id", "https://gitlab.com", '{"path":"namespace_id","glob":"*"}'],
    ["the beginning of a name", "https://agent.buildkite.com", '{"path":"organization_slug","prefix":"example"}'],
    [
      "one whole name and the beginning of another",
      "https://gitlab.com",
      '{"path":"project_path","prefix":["a/","b"]}',
    ],
    ["a name in the middle", "https://gitlab.com", '{"path":"project_path","glob":"**/docs"}'],
    [
      "a subject of any project",
      "https://gitlab.com",
      '{"path":"sub","glob":"project_path:*:ref_type:branch:ref:main"}',
    ],
    ["the user who started the job", "https://gitlab.com", '{"path":"user_id","equals":"7"}'],
    ["an e-mail address", "https://accounts.google.com", '{"path":"email","equals":"robin@example.test"}'],
  ])("a shared issuer is not pinned by %s", async (_, issuer, rule) => {
    const text = withIssuer(issuer, []).replace("claims: []", `claims: [${rule}]`);
    expect(await pinFindings(text)).toContainEqual(expect.stringMatching(/^error .* signs for all/));
  });

  it.each<[string, string]>([
    ["https://gitlab.com", '{"path":"project_path","glob":["platform/**","platform/docs"]}'],
    ["https://gitlab.com", '{"path":"sub","prefix":"project_path:platform/docs:"}'],
    ["https://agent.buildkite.com", '{"path":"sub","prefix":"organization:example:"}'],
    ["https://token.actions.githubusercontent.com", '{"path":"sub","glob":"repo:example/*:ref:refs/heads/main"}'],
  ])("%s is pinned with a warning by a whole name: %s", async (issuer, rule) => {
    const text = withIssuer(issuer, []).replace("claims: []", `claims: [${rule}]`);
    expect(await pinFindings(text)).toEqual([expect.stringMatching(/^warning .* they pin a name/)]);
  });

  it.each(["forge/invocation-token", "https://gitlab.example.com", "toString"])(
    "%s is not a shared issuer",
    async (issuer) => expect(await pinFindings(withIssuer(issuer, []))).toEqual([]),
  );

  it("an entry of a known issuer that does not name its preset is a warning", async () => {
    const pinned = withIssuer("https://gitlab.com", [["project_id", "7"]]);
    expect(await findings(pinned)).toEqual([
      'warning 4:3 issuers.cluster: add "preset: gitlab", which contains the rules specific to this issuer',
    ]);
    expect(await findings(pinned.replace("  cluster:\n", "  cluster:\n    preset: gitlab\n"))).toEqual([]);
  });

  it("a role for a claim that the token's holder can change is an error", async () => {
    const pinned = withIssuer("https://gitlab.com", [["project_id", "7"]]);
    const roles = (when: string) =>
      pinned.replace(
        "  cluster:\n",
        `  cluster:\n    preset: gitlab\n    roles: [{ role: on-call, when: [${when}] }]\n`,
      );
    const self = "{ path: user_login, equals: robin }";
    expect(await findings(roles(self))).toEqual([
      'error 6:13 issuers.cluster.roles[0]: the holder of the token can change user_login and thereby give itself the role "on-call": ask for user_id',
    ]);
    expect(await findings(roles(`${self}, { path: ref_protected, equals: "true" }`))).toEqual([]);
  });
});

describe("an error", () => {
  it.each([
    ["a secret that is not set", "env:WIKI_TOKEN", "env:MISSING", "secret env:MISSING: it is not set, or empty"],
    ["a secret that is empty", "env:WIKI_TOKEN", "env:EMPTY", "secret env:EMPTY: it is not set, or empty"],
    [
      "a secret of AWS on one machine",
      "env:WIKI_TOKEN",
      "ssm:/a",
      "secret ssm:/a: this kind of reference works only in AWS",
    ],
  ])("%s is an error", async (_, right, wrong, message) => {
    expect(await findings(whole.replace(right, wrong))).toEqual([
      `error 29:19 targets.pages.credential.bearer: ${message}`,
    ]);
  });
});

describe("a warning", () => {
  const when = "detail-type: [page.updated]";

  it.each([
    [
      "a route on a provider that no source has",
      when,
      "source: [drawbridge.gitlab]",
      "34:16 routes.docs-build.when.source[0]: no event matches: no source here publishes it (known: drawbridge.confluence, drawbridge.tekton)",
    ],
    [
      "a route on an unknown type",
      when,
      "detail-type: [page.edited]",
      '34:21 routes.docs-build.when.detail-type[0]: no event matches: there is no "page.edited" (did you mean "page.updated"?)',
    ],
    [
      "a route on an unknown source",
      when,
      "detail: { source: [/sources/wikki] }",
      '34:26 routes.docs-build.when.detail.source[0]: no event matches: there is no "/sources/wikki" (did you mean "/sources/wiki"?)',
    ],
    [
      "a target over plain HTTP",
      "url: http://127.0.0.1:8080",
      "url: http://el-docs.ci.svc.cluster.local:8080",
      "21:5 targets.docs-listener.url: http:// to another machine: anybody on the network path can read and change the requests; use https:// if you can",
    ],
    [
      "a target whose runs are reported by a source of another system",
      "runsReportedBy: prod-cluster",
      "runsReportedBy: wiki",
      '22:5 targets.docs-listener.runsReportedBy: the source "wiki" is of provider confluence and reports no tekton runs',
    ],
    [
      "a Tekton source that takes the runs of every namespace",
      "    namespaces: [ci]\n",
      "",
      '14:3 sources.prod-cluster: every namespace of the cluster can report runs to it; list those that may in "namespaces"',
    ],
    [
      "a Tekton target whose runs prove nothing",
      "    originKey: { current: env:WIKI_SECRET }\n",
      "",
      '19:3 targets.docs-listener: who reaches the listener can start runs that claim any delivery; set "originKey"',
    ],
    [
      "a Tekton target whose proofs hold in several namespaces",
      "    namespaces: [ci]\n    originKey",
      "    namespaces: [ci-*]\n    originKey",
      '24:5 targets.docs-listener.originKey: a proof holds in every namespace of the target; list exactly one in "namespaces"',
    ],
    [
      "a Tekton target without a key beside one of the same source that has one",
      "  docs-listener:\n",
      "  other: { kind: tekton, url: https://other.example.com, runsReportedBy: prod-cluster }\n  docs-listener:\n",
      '19:3 targets.other: another target of "prod-cluster" has an "originKey", so no run of this one counts as caused by its delivery',
    ],
    [
      "a Confluence target that writes every page",
      "    spaces: [ENG]\n",
      "",
      '25:3 targets.pages: it writes every page that its account can edit; list those that it may in "spaces" or "pages"',
    ],
    [
      "a Forge app that any site may install",
      "hubSignature: { current: env:WIKI_SECRET }",
      "forge: { trust: cluster }",
      '12:5 sources.wiki.forge: it accepts events of every site that installs the app; name yours in "installations"',
    ],
  ])("%s is a warning", async (_, right, wrong, message) => {
    expect(whole).toContain(right);
    expect(await findings(whole.replace(right, wrong))).toContain(`warning ${message}`);
  });

  it("a role for people that every token of an entry earns is a warning", async () => {
    const withRoles = (roles: string, more = ""): Promise<readonly string[]> =>
      findings(
        whole
          .replace("  cluster:\n", `  cluster:\n    roles: [${roles}]\n${more}`)
          .replace(
            "sources:\n",
            'roles: { reader: { call: [deliveries] }, boss: { approve: ["*"] }, plain: { fire: [docs-build] } }\nsources:\n',
          ),
      );
    const unconditional = 'every token of "cluster" earns "boss": give it a "when", by a group or an app role';
    expect(await withRoles("plain, boss")).toEqual([`warning 5:20 issuers.cluster.roles[1]: ${unconditional}`]);
    expect(await withRoles("reader")).toEqual([expect.stringContaining('earns "reader"')]);
    expect(await withRoles("{ role: boss, when: [{ path: groups, equals: leads }] }")).toEqual([]);
    expect(await withRoles("boss", "    claims: [{ path: groups, equals: leads }]\n")).toEqual([]);
  });

  it("a Confluence target that lists only pages has no finding", async () => {
    expect(await findings(whole.replace("spaces: [ENG]", 'pages: ["98310"]'))).toEqual([]);
  });

  it("a route whose alternatives fail for different reasons is a warning for each reason", async () => {
    const either =
      "$or: [{ source: [x], detail-type: [page.updated] }, { source: [drawbridge.confluence], detail-type: [x] }]";
    expect(await findings(whole.replace(when, either))).toEqual([
      expect.stringMatching(/^warning 34:\d+ routes\.docs-build\.when\.\$or\[0\]\.source\[0\]: .* there is no "x"/),
      expect.stringMatching(
        /^warning 34:\d+ routes\.docs-build\.when\.\$or\[1\]\.detail-type\[0\]: .* there is no "x"/,
      ),
    ]);
  });

  it("a source that no route acts on and a target that no route uses are warnings", async () => {
    const noBuilds = whole.replace(
      / {2}docs-build:(?:.|\n)*? {2}docs-status:\n.*\n/,
      "  docs-status:\n    when: { source: [drawbridge.tekton] }\n",
    );
    expect(await findings(noBuilds)).toEqual([
      "warning 9:3 sources.wiki: its events are recorded, and no route acts on them",
      "warning 19:3 targets.docs-listener: no route uses it",
    ]);
  });

  it("neither a target on this machine nor a Forge app with its installations is a warning", async () => {
    const text = whole.replace(
      "hubSignature: { current: env:WIKI_SECRET }",
      "forge: { trust: cluster, installations: [a] }",
    );
    expect(await findings(text)).toEqual([]);
  });
});

async function findings(text: string): Promise<readonly string[]> {
  const found = await checkLoaded(parseConfig(text, "x.yaml"), "x.yaml", secretsOf(SECRETS));
  return found.map(({ level, message }) => `${level} ${message.replace("x.yaml:", "")}`);
}

function withIssuer(issuer: string, claims: readonly [string, string][]): string {
  const rules = JSON.stringify(claims.map(([path, equals]) => ({ path, equals })));
  return whole
    .replace("issuer: https://idp.example.com", `issuer: ${issuer}`)
    .replace("/keys }\n", `/keys }\n    claims: ${rules}\n`);
}
