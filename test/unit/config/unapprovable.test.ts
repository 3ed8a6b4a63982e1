import { describe, expect, it } from "vitest";
import { checkLoaded } from "../../../shared/config/check.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { Secret } from "../../../shared/host/secrets.ts";

const configuration = (approve: string, rest = "approval: { verifyWith: pages }") => `
sources:
  wiki:
    provider: confluence
    site: https://wiki.example.test
    hubSignature: { current: env:WIKI }
    people: { "max": { roles: [lead], token: { trust: people, subject: max } } }
  cluster: { provider: tekton, basic: { username: u, password: { current: env:CLUSTER } }, namespaces: [ci] }
issuers:
  people: { issuer: https://idp.example.test, audience: bridge, roles: [{ role: lead, when: [{ path: groups, equals: leads }] }] }
roles: { lead: { approve: [${approve}] } }
targets:
  listener: { kind: tekton, url: https://ci.example.test, runsReportedBy: cluster, namespaces: [ci], originKey: { current: env:TOKEN }, listener: { allowFrom: [{ namespace: ingress }] } }
  pages:
    kind: confluence
    product: data-center
    site: https://wiki.example.test
    credential: { bearer: env:PAGES }
    spaces: [ENG]
routes:
  docs: { ${rest}, when: { detail-type: [page.updated] }, do: { tekton: { target: listener } } }
  status: { when: { detail-type: [build.failed] }, do: { confluence: { target: pages } } }
  report: { when: { source: [drawbridge.approvals] }, do: { tekton: { target: listener } } }
`;

const ruled = (when: string): string =>
  `approval: { verifyWith: pages, grantedBy: [{ id: small, when: { ${when} } }] }`;

async function findings(text: string): Promise<readonly string[]> {
  const found = await checkLoaded(parseConfig(text, "test"), "test", {
    read: async () => new Secret("a secret for tests"),
  });
  return found.map(({ level, message }) => `${level}: ${message}`);
}

describe("a route that needs an approval", () => {
  it("a route that a role may approve has no findings, nor has a route on the bridge's own approval events", async () => {
    expect(await findings(configuration("docs"))).toEqual([]);
    expect(await findings(configuration("docs", ruled("requester: [person]")))).toEqual([]);
    const paths = "[infra/, .github/, .gitlab-ci.yml, a/.b/c, ..a/b.., deploy/x.yaml]";
    const pushed = ruled(`checks: [{ source: cluster, pipeline: ci/docs }], pathsOutside: ${paths}`);
    expect(await findings(configuration("docs", pushed))).toEqual([]);
    const unreported = configuration("docs", pushed).replace(
      "do: { tekton: { target: listener } }",
      "do: { webhook: { target: chat } }",
    );
    const chat = "targets:\n  chat: { kind: webhook, url: https://chat.example.test, bearer: env:CHAT }";
    expect((await findings(unreported.replace("targets:", chat))).filter((one) => one.includes("last run"))).toEqual([
      expect.stringMatching(/^error: .*grantedBy\[0\]\.when\.pathsOutside.*no source reports/),
    ]);
    const onCloud = configuration("docs", "approval: { verifyWith: pages, canEdit: page }")
      .replace("product: data-center", "product: cloud")
      .replaceAll("https://wiki.example.test", "https://example.atlassian.net/wiki")
      .replace("hubSignature", "automation");
    expect((await findings(onCloud)).filter((one) => one.includes("canEdit"))).toEqual([]);
    expect(await findings(configuration('"d*"', "approval: { expiresMinutes: 10080, verifyWith: pages }"))).toEqual([]);
  });

  it("a source that links no account to a token has a warning if approvers use tokens", async () => {
    const unlinked = (text: string) => text.replace(", token: { trust: people, subject: max }", "");
    const warning = expect.stringMatching(/warning: .*at "wiki" and approve it with a token/);
    expect(await findings(unlinked(configuration("docs")))).toEqual([warning]);
    const withoutTokens = unlinked(configuration("docs")).replace("roles: [{ role: lead,", "roles: [{ role: other,");
    expect((await findings(withoutTokens)).join()).not.toContain("approve it with a token");
  });

  it.each([
    ["that no role may give", configuration("report"), /error: .*routes\.docs\.approval.*no role may approve it/],
    [
      "of a role that may not give it",
      configuration("docs", "approval: { fromRoles: [lead, other] }"),
      /error: .*routes\.docs\.approval\.fromRoles.*the role "other" may not approve it/,
    ],
    [
      "of a list with a role that may not give it",
      configuration("docs", "approval: { of: [[lead], [lead, other]] }"),
      /error: .*routes\.docs\.approval\.of.*the role "other" may not approve it, so that this list is never enough/,
    ],
    [
      "by lists of roles and by a number of people",
      configuration("docs", "approval: { approvers: 2, of: [[lead]] }"),
      /routes\.docs\.approval\.of.*leave out "approvers" and "fromRoles"/,
    ],
    [
      "by lists of roles and by roles",
      configuration("docs", "approval: { fromRoles: [lead], of: [[lead]] }"),
      /routes\.docs\.approval\.of.*leave out "approvers" and "fromRoles"/,
    ],
    ["by an empty list of roles", configuration("docs", "approval: { of: [[]] }"), /routes\.docs\.approval\.of\[0\]/],
    ["by no list of roles", configuration("docs", "approval: { of: [] }"), /routes\.docs\.approval\.of/],
    [
      "by people who may edit a page at Data Center",
      configuration("docs", "approval: { verifyWith: pages, canEdit: page }"),
      /routes\.docs\.approval\.canEdit.*"pages" cannot be asked who may edit the page: Data Center has no call/,
    ],
    [
      "by a rule on who may edit a page at Data Center",
      configuration("docs", ruled("canEdit: page")),
      /grantedBy\[0\]\.when\.canEdit.*Data Center has no call/,
    ],
    [
      "by people who may edit a page, with no target to ask",
      configuration("docs", "approval: { canEdit: page }"),
      /routes\.docs\.approval\.canEdit.*it needs "verifyWith"/,
    ],
    [
      "by people who may edit something else",
      configuration("docs", "approval: { verifyWith: pages, canEdit: space }"),
      /routes\.docs\.approval\.canEdit/,
    ],
    [
      "by a rule on a pipeline of an unknown source",
      configuration("docs", ruled("checks: [{ source: wikki, pipeline: platform/docs }]")),
      /grantedBy\[0\]\.when\.checks\[0\]\.source.*there is no source "wikki"/,
    ],
    [
      "by a rule on paths that are a pattern",
      configuration("docs", ruled('pathsOutside: ["infra/*"]')),
      /grantedBy\[0\]\.when\.pathsOutside/,
    ],
    ...["infra//", "infra/../x", "a/./b", "./infra", "../infra", "/infra", ".", "..", "infra/..", "infra/."].map(
      (path): [string, string, RegExp] => [
        `by a rule on the path ${path}`,
        configuration("docs", ruled(`pathsOutside: ["${path}"]`)),
        /grantedBy\[0\]\.when\.pathsOutside.*a path from the top of the repository/,
      ],
    ),
    [
      "by a rule on a path with a backslash",
      configuration("docs", ruled("pathsOutside: ['infra\\x']")),
      /grantedBy\[0\]\.when\.pathsOutside.*without blanks/,
    ],
    [
      "by a rule with an unknown condition",
      configuration("docs", "approval: { grantedBy: [{ id: small, when: { chekcs: {} } }] }"),
      /routes\.docs\.approval\.grantedBy\[0\]\.when.*chekcs/,
    ],
    [
      "by a rule without a condition",
      configuration("docs", "approval: { grantedBy: [{ id: small, when: {} }] }"),
      /routes\.docs\.approval\.grantedBy\[0\]\.when.*at least one condition/,
    ],
    [
      "by a rule whose event is no pattern",
      configuration("docs", "approval: { grantedBy: [{ id: small, when: { event: { detail: {} } } }] }"),
      /routes\.docs\.approval\.grantedBy\[0\]\.when\.event\.detail/,
    ],
    [
      "by a rule with a misspelt mode",
      configuration("docs", "approval: { grantedBy: [{ id: small, mode: shadwo, when: { requester: [job] } }] }"),
      /routes\.docs\.approval\.grantedBy\[0\]\.mode/,
    ],
    [
      "by two rules with one name",
      configuration(
        "docs",
        "approval: { verifyWith: pages, grantedBy: [{ id: small, when: { requester: [job] } }, { id: small, when: { requester: [person] } }] }",
      ),
      /routes\.docs\.approval\.grantedBy.*an id of its own/,
    ],
    [
      "by a rule on tokens of an unknown issuer",
      configuration("docs", ruled("claims: { trust: poeple, match: [{ path: sub, equals: x }] }")),
      /when\.claims\.trust.*there is no issuer "poeple"/,
    ],
    [
      "by a rule on a claim that is not recorded",
      configuration("docs", ruled("claims: { trust: people, match: [{ path: groups, equals: x }] }")),
      /when\.claims\.match\[0\]\.path.*the claim groups is not recorded, so this never holds; .*these are: sub/,
    ],
    [
      "by a rule at any time, of what nothing verifies",
      configuration("docs", "approval: { grantedBy: [{ id: small, when: { requester: [job] } }] }"),
      /error: .*grantedBy\[0\].*it grants at any time, and nothing verifies what/,
    ],
    [
      "by a rule on the event alone",
      configuration("docs", ruled("event: { detail: { page: { id: [x] } } }")),
      /warning: .*grantedBy\[0\].*its only condition is the event/,
    ],
    [
      "in a window without a zone that exists",
      configuration(
        "docs",
        'approval: { windows: [{ days: [mon], from: "09:00", to: "17:00", zone: Europe/Berlim }] }',
      ),
      /windows.*zone/,
    ],
    [
      "in a window that ends before it begins",
      configuration("docs", 'approval: { windows: [{ days: [mon], from: "17:00", to: "09:00", zone: UTC }] }'),
      /windows/,
    ],
    [
      "in an emergency by an unknown role",
      configuration("docs", "approval: { emergency: [laed] }"),
      /routes\.docs\.approval\.emergency\[0\].*there is no role "laed" \(did you mean "lead"\?\)/,
    ],
    ["of nobody", configuration("docs", "approval: { approvers: 0 }"), /approvers/],
    [
      "with a reminder at the end of the time to decide",
      configuration("docs", "approval: { expiresMinutes: 60, remindMinutes: [30, 60] }"),
      /remindMinutes/,
    ],
    ["with reminders in no order", configuration("docs", "approval: { remindMinutes: [30, 30] }"), /ascending order/],
    ["with no time to decide", configuration("docs", "approval: { expiresMinutes: 0 }"), /expiresMinutes/],
    ["with too much time to decide", configuration("docs", "approval: { expiresMinutes: 10081 }"), /expiresMinutes/],
    [
      "for longer than records are kept",
      `${configuration("docs", "approval: { expiresMinutes: 1441 }")}\nlimits: { retentionDays: 1 }`,
      /error: .*expiresMinutes.*records are kept for 1440 minutes/,
    ],
    [
      "by a person with an unknown role",
      configuration("docs").replace("roles: [lead], token", "roles: [led], token"),
      /there is no role "led"/,
    ],
    [
      "by a person of an unknown trust entry",
      configuration("docs").replace("trust: people", "trust: poeple"),
      /there is no issuer "poeple"/,
    ],
    [
      "beside a source with the bridge's own name",
      configuration("docs").replace("  wiki:", "  approvals:"),
      /another name/,
    ],
  ])("an approval %s is rejected", async (_, text, message) => {
    expect((await findings(text)).join("\n")).toMatch(message);
  });
});

describe("a route that decides tasks inside runs", () => {
  const deciding = (rest: string, when = "source: [drawbridge.tekton], detail-type: [approval.requested]") =>
    configuration("docs, tasks").replace(
      "  status:",
      `  tasks: { ${rest}, when: { ${when} }, do: { tekton: { target: listener, gate: true } } }\n  status:`,
    );
  const approval = "approval: { verifyWith: pages }";

  it("with an approval, and for such tasks only, it has no findings", async () => {
    expect(await findings(deciding(approval))).toEqual([]);
  });

  it.each([
    ["without an approval", deciding("mode: enforce"), "nobody has to approve them"],
    ["in shadow mode", deciding(`${approval}, mode: shadow`), "nobody has to approve them"],
    [
      "for the bridge's own approvals too",
      deciding(approval, "detail-type: [approval.requested]"),
      "it also matches approval.requested of approvals",
    ],
    [
      "for other events of the cluster",
      deciding(approval, "source: [drawbridge.tekton]"),
      "it also matches build.queued of cluster",
    ],
  ])("%s it is an error", async (_, text, message) => {
    const found = (await findings(text)).filter((line) => line.startsWith("error"));
    expect(found).toContainEqual(expect.stringContaining(message));
  });

  it("takes no parameters of a run", async () => {
    const text = deciding(approval).replace("gate: true", "gate: true, params: { page: one }");
    expect((await findings(text)).join()).toContain("starts no run");
  });
});

describe("a route that may be approved in an emergency", () => {
  const withRoles = (emergency: string, roles: string, earned = "") =>
    configuration("docs", `approval: { verifyWith: pages, emergency: [${emergency}] }`)
      .replace("roles: { lead: { approve: [docs] } }", `roles: { ${roles} }`)
      .replace("}] }] }", `}] }${earned}] }`);
  const LEAD = "lead: { approve: [docs] }";

  it("a role that not every approver has is no finding, and needs no permission of its own", async () => {
    expect(await findings(withRoles("incident", `${LEAD}, incident: {}`))).toEqual([]);
    expect(await findings(withRoles("lead", `${LEAD}, security: { approve: [docs] }`))).toEqual([]);
  });

  it("roles that all approvers have are a warning, because one of them is then always enough", async () => {
    const warning = expect.stringMatching(
      /warning: .*routes\.docs\.approval\.emergency.*everybody who may approve it \(lead\)/,
    );
    expect(await findings(withRoles("lead", LEAD))).toEqual([warning]);
    expect(await findings(withRoles("lead, incident", `${LEAD}, incident: {}`))).toEqual([warning]);
  });

  it("a role that every token of an entry earns is a warning", async () => {
    expect(await findings(withRoles("incident", `${LEAD}, incident: {}`, ", incident"))).toEqual([
      expect.stringMatching(/warning: .*every token of "people" earns "incident"/),
    ]);
  });

  it("a person who requests with an account and uses the role with a token is a warning too", async () => {
    const unlinked = withRoles("incident", `${LEAD}, incident: {}`)
      .replace(", token: { trust: people, subject: max }", "")
      .replace("role: lead, when", "role: incident, when");
    expect(await findings(unlinked)).toEqual([
      expect.stringMatching(/warning: .*at "wiki" and approve it with a token/),
    ]);
  });
});

describe("a route whose approval names a target to ask", () => {
  it.each([
    ["that does not exist", "approval: { verifyWith: pagse }", /there is no target "pagse" \(did you mean "pages"\?\)/],
    [
      "that cannot be asked",
      "approval: { verifyWith: listener }",
      /the target "listener" is of kind tekton, which cannot be asked what was approved/,
    ],
  ])("a target %s is an error", async (_, approval, message) => {
    expect((await findings(configuration("docs", approval))).join("\n")).toMatch(message);
  });

  it("the target is used, although no route acts on it", async () => {
    const [without = ""] = configuration("docs").split("  status:");
    expect(
      await findings(
        without.concat(
          "  report: { when: { source: [drawbridge.approvals] }, do: { tekton: { target: listener } } }\n",
        ),
      ),
    ).toEqual([]);
  });
});

describe("an approved route that can run something else than what was approved", () => {
  const gated = (when: string, params: string, approval = "approval: { verifyWith: pages }") =>
    configuration("docs").replace(
      /^ {2}docs: .*$/m,
      `  docs: { ${approval}, when: { detail-type: [${when}] }, do: { tekton: { target: listener, params: { ${params} } } } }`,
    );

  it.each([
    [
      "without a target to ask",
      gated("page.updated", "page: $.detail.page.id, at: $.detail.page.version", "approval: {}"),
      /warning: .*compared with the newest event only/,
    ],
    [
      "that passes the id of a page alone",
      gated("page.updated", "page: $.detail.page.id"),
      /warning: .*the run gets \$\.detail\.page\.id and no commit or version/,
    ],
    [
      "that passes the name of a tag alone",
      gated("page.updated", "tag: $.detail.code.name"),
      /warning: .*the run gets \$\.detail\.code\.name/,
    ],
    [
      "that matches deletions too",
      gated('{ prefix: "page." }', "v: $.detail.page.version"),
      /warning: .*it also matches page\.archived, page\.trashed, page\.deleted/,
    ],
  ])("a route %s has a warning", async (_, text, message) => {
    expect((await findings(text)).join("\n")).toMatch(message);
  });

  it.each([
    ["that passes the version too", gated("page.updated", "page: $.detail.page.id, at: $.detail.page.version")],
    ["on deletions alone", gated("page.trashed, page.deleted", "v: $.detail.page.version")],
    ["in shadow mode", gated("page.updated", "page: $.detail.page.id", "mode: shadow, approval: {}")],
  ])("a route %s has none of these warnings", async (_, text) => {
    expect((await findings(text)).filter((line) => /approv|gets/.test(line))).toEqual([]);
  });
});
