import { describe, expect, it } from "vitest";
import { messageOfOther } from "../../../shared/config/checks/approvals.ts";
import type { Check } from "../../../shared/config/checks/check.ts";
import { unusablePermission } from "../../../shared/config/checks/confined-roles.ts";
import { uncancellableRun } from "../../../shared/config/checks/flow.ts";
import { unfitTargetSecret } from "../../../shared/config/checks/machine.ts";
import { checks } from "../../../shared/config/checks/registry.ts";
import { commentWithoutPages } from "../../../shared/config/checks/routes.ts";
import { weakSecret } from "../../../shared/config/checks/secrets.ts";
import {
  openListener,
  openProjects,
  overwrittenListener,
  unencryptedTarget,
  unreportedNamespace,
} from "../../../shared/config/checks/targets.ts";
import {
  identityWithoutKey,
  sharedAudience,
  unearnedRole,
  unearnedScope,
  unnoticedRunEnd,
  unreachableRequest,
  upstreamWithoutIssuer,
} from "../../../shared/config/checks/upstreams.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import type { Clock } from "../../../shared/host/clock.ts";
import { secretsOf, testClock } from "../../support/test-doubles.ts";

describe("the registry of checks", () => {
  it("each check has an id of its own in kebab-case", () => {
    const ids = checks.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => !/^[a-z]+(-[a-z]+)+$/.test(id))).toEqual([]);
  });

  it("every warning can be ignored except the one about entries that ignore nothing", () => {
    const fixed = checks.filter(({ level, canBeIgnored }) => level === "warning" && !canBeIgnored);
    expect(fixed.map(({ id }) => id)).toEqual(["unused-ignore"]);
  });

  it("no error that would let somebody in can be ignored", () => {
    const ignorable = checks.filter(({ level, canBeIgnored }) => level === "error" && canBeIgnored);
    expect(ignorable.map(({ id }) => id).sort()).toEqual([
      "no-approver",
      "promotion-of-name",
      "route-cycle",
      "unfilled-variable",
      "unknown-path",
    ]);
  });
});

describe("the check of routes that cancel runs", () => {
  const tekton = {
    kind: "tekton",
    url: "https://el.example.com",
    runsReportedBy: "cluster",
    namespaces: ["ci"],
    runName: "fixed",
  };
  const gitlab = { kind: "gitlab", url: "https://gitlab.example.com", token: "env:T", projects: ["acme/*"] };
  const at = (then: string, target: object, call: readonly string[], more: object = {}) =>
    JSON.stringify({
      issuers: {
        gate: { preset: "kubernetes", issuer: "https://oidc.example.com", audience: "bridge", roles: ["gate"] },
      },
      roles: { gate: { call } },
      sources: { cluster: { provider: "tekton", bearer: { trust: "gate" }, namespaces: ["ci"] } },
      targets: { ci: target },
      routes: {
        docs: {
          when: { "detail-type": ["code.pushed"] },
          flow: { key: "$.detail.code.project", running: 1, then },
          ...more,
          do: "runName" in target || !("token" in target) ? { tekton: { target: "ci" } } : { gitlab: { target: "ci" } },
        },
      },
    });
  const { runName: _, ...generated } = tekton;
  it.each([
    ["a run with a fixed name, and a role for the gate", "cancel", tekton, ["cancellations"], []],
    ["a route that cancels nothing", "newest", generated, [], []],
    [
      "a run whose name is not known",
      "cancel",
      generated,
      ["cancellations"],
      [/needs "runName: fixed" and "namespaces"/],
    ],
    ["nobody who may ask what to cancel", "cancel", tekton, ["gates"], [/no trust entry of the source "cluster"/]],
    [
      "a system in which the bridge starts no run",
      "cancel",
      gitlab,
      ["cancellations"],
      [/starts no run at "ci" \(gitlab\)/],
    ],
  ])("%s", async (_name, then, target, call, findings) => {
    const loaded = parseConfig(at(then, target, call), "test.yaml");
    if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
    const context = { secrets: secretsOf({}), here: undefined, found: [] };
    const found = await uncancellableRun.run(loaded.config, context);
    expect(found.map(({ message }) => message)).toEqual(findings.map((one) => expect.stringMatching(one)));
  });

  it.each([
    ["cancel", "$.detail.code.project", 1],
    ["cancel", "$.detail.promotion.to", 0],
    ["newest", "$.detail.code.project", 0],
  ])("a route with environments, %s and the key %s has %i findings", async (then, key, findings) => {
    const more = { environments: ["staging", "production"], flow: { key, running: 1, then } };
    const loaded = parseConfig(at(then, tekton, ["cancellations"], more), "test.yaml");
    if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
    const found = await uncancellableRun.run(loaded.config, { secrets: secretsOf({}), here: undefined, found: [] });
    expect(found).toHaveLength(findings);
  });
});

describe("the check of targets that are called without encryption", () => {
  it.each([
    ["http://hooks.example.com/in", 1],
    ["https://hooks.example.com/in", 0],
    ["http://127.0.0.1:8080/in", 0],
    ["env:ADDRESS", 0],
    ["ssm:/drawbridge/address", 0],
  ])("a target with the url %s has %i findings", async (url, findings) => {
    const loaded = parseConfig(
      "sources: { wiki: { provider: tekton, basic: { username: t, password: { current: env:T } } } }",
      "x",
    );
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.findings));
    const config = { ...loaded.config, targets: [{ name: "hooks", kind: "any", settings: { url } }] };
    const context = { secrets: secretsOf({}), here: undefined, found: [] };
    expect(await unencryptedTarget.run(config, context)).toHaveLength(findings);
  });
});

describe("the check of listeners that replace each other", () => {
  const target = (name: string, changes: object = {}) => ({
    name,
    kind: "tekton",
    settings: { url: "https://el.example.com", runsReportedBy: "cluster", namespaces: ["ci"], ...changes },
  });
  it.each([
    ["the default names", [target("docs"), target("notes")], []],
    ["one name in one namespace", [target("docs"), target("notes", { listener: { name: "docs" } })], ["notes"]],
    [
      "one name that both choose",
      ["a", "b", "c"].map((name) => target(name, { namespaces: [], listener: { name: "docs", namespace: "ci" } })),
      ["b", "c"],
    ],
    ["one name in two namespaces", [target("docs"), target("b", { listener: { name: "docs", namespace: "x" } })], []],
    [
      "one name in two clusters",
      [target("docs"), target("b", { runsReportedBy: "other-cluster", listener: { name: "docs" } })],
      [],
    ],
    ["a target of another kind", [target("docs"), { ...target("b", { listener: { name: "docs" } }), kind: "any" }], []],
  ])("of listeners with %s the right ones are found", async (_, targets, found) => {
    const loaded = parseConfig(
      "sources: { w: { provider: tekton, basic: { username: t, password: { current: env:T } } } }",
      "x",
    );
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.findings));
    const context = { secrets: secretsOf({}), here: undefined, found: [] };
    const problems = await overwrittenListener.run({ ...loaded.config, targets }, context);
    expect(problems.map(({ path }) => path)).toEqual(found.map((name) => ["targets", name]));
  });
});

describe("the check of listeners that authenticate nobody", () => {
  it.each([
    ["no listener settings", {}, 1],
    ["a token that nothing compares", { token: "env:T" }, 1],
    ["only a name of the listener", { listener: { name: "docs", interceptor: false } }, 1],
    ["a listener on another machine over http", { url: "http://el.example.com" }, 1],
    ["a secret", { token: "env:T", listener: { secret: "drawbridge-token" } }, 0],
    ["the interceptor", { listener: { interceptor: true } }, 0],
    ["listed pods", { listener: { allowFrom: [{ namespace: "ingress" }] } }, 0],
    ["a listener on this machine", { url: "http://127.0.0.1:8080" }, 0],
  ])("a target with %s has the right number of findings: %#", async (_, changes, findings) => {
    const settings = { url: "https://el.example.com", runsReportedBy: "cluster", ...changes };
    expect(await targetFindings(openListener, "sources: {}", settings)).toHaveLength(findings);
  });

  it("a target of another kind has no finding", async () => {
    const settings = { url: "https://hooks.example.com" };
    expect(await targetFindings(openListener, "sources: {}", settings, "webhook")).toEqual([]);
  });
});

describe("the check of namespaces whose runs nobody reports", () => {
  it.each([
    ["[ci]", { namespaces: ["ci"] }, []],
    ["[ci]", { namespaces: ["cii"] }, ["runs start in cii; the source cluster lists only ci"]],
    [
      "[ci, docs-*]",
      { namespaces: ["other", "docs"] },
      ["runs start in other, docs; the source cluster lists only ci, docs-*"],
    ],
    ["[ci, docs-*]", { namespaces: ["other", "docs-prod"] }, []],
    ["[docs-prod]", { namespaces: ["docs-*"] }, []],
    ["[docs-p*]", { namespaces: ["docs-*"] }, []],
    ["[docs-*]", { namespaces: ["docs-p*"] }, []],
    ["[docs-*]", { namespaces: ["ci-*"] }, ["runs start in ci-*; the source cluster lists only docs-*"]],
    ["[ci]", {}, []],
    ["[ci]", { listener: { namespace: "cii" } }, ["runs start in cii; the source cluster lists only ci"]],
    [
      "[ci]",
      { namespaces: ["ci"], listener: { namespace: "cii" } },
      ["runs start in cii; the target lists only ci", "runs start in cii; the source cluster lists only ci"],
    ],
    ["[ci, cii]", { namespaces: ["ci-*", "ci"], listener: { namespace: "ci" } }, []],
    [undefined, { namespaces: ["ci"] }, []],
  ])("a source that lists %s and a target with %j have the right findings", async (listed, changes, messages) => {
    const source = `provider: tekton, basic: { username: t, password: { current: env:T } }${listed ? `, namespaces: ${listed}` : ""}`;
    const sources = `sources: { cluster: { ${source} }, other: { provider: tekton, basic: { username: t, password: { current: env:T } }, namespaces: [x] } }`;
    const settings = { url: "https://el.example.com", runsReportedBy: "cluster", ...changes };
    const problems = await targetFindings(unreportedNamespace, sources, settings);
    expect(problems.map(({ message }) => message)).toEqual(messages);
  });
});

describe("the check of the length of secrets", () => {
  const NAMES = ["WIKI", "PASSWORD", "NEXT", "PAGES", "COOKIES"];
  const config = `
issuers: { people: { issuer: https://idp.example.test, audience: console } }
sources:
  wiki: { provider: confluence, site: https://wiki.example.test, hubSignature: { current: env:WIKI, next: env:NEXT } }
  ci: { provider: tekton, basic: { username: t, password: { current: env:PASSWORD } } }
targets: { pages: { kind: confluence, product: data-center, site: https://wiki.example.test, credential: { bearer: env:PAGES } } }
console: { trust: people, clientId: console, sealedBy: { current: env:COOKIES }, url: https://bridge.example.test }
`;
  const loaded = parseConfig(config, "x");
  const findings = (values: Readonly<Record<string, string>>, here: { readonly clock: Clock } | undefined) => {
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.findings));
    return weakSecret.run(loaded.config, { secrets: secretsOf(values), here, found: [] });
  };
  const valuesOf = (value: string) => Object.fromEntries(NAMES.map((name) => [name, value]));

  it("a weak secret of any kind is an error where the bridge runs, and one of sixteen bytes is none", async () => {
    const here = { clock: testClock() };
    const paths = (await findings(valuesOf("b".repeat(15)), here)).map(({ path }) => path.join("."));
    expect(paths).toEqual([
      "sources.wiki.hubSignature.current",
      "sources.wiki.hubSignature.next",
      "sources.ci.basic.password.current",
      "targets.pages.credential.bearer",
      "console.sealedBy.current",
    ]);
    expect(await findings(valuesOf("b".repeat(16)), here)).toEqual([]);
    expect(await findings(valuesOf("€".repeat(6)), here)).toEqual([]);
    // Another check reports secrets that cannot be read.
    expect(await findings({}, here)).toEqual([]);
    expect(await findings(valuesOf("a"), undefined)).toEqual([]);
  });
});

describe("the check of sources and targets that list no projects", () => {
  const HOOK = "secret: { current: env:A }";
  it.each([
    ["sources", "provider: gitlab, token: { current: env:A }", 1],
    ["sources", "provider: gitlab, token: { current: env:A }, projects: [a/*]", 0],
    ["sources", `provider: github, ${HOOK}`, 1],
    ["sources", `provider: github, ${HOOK}, repositories: [a/b]`, 0],
    ["sources", "provider: buildkite, token: { current: env:A }", 1],
    ["sources", "provider: buildkite, token: { current: env:A }, organization: a", 0],
    ["sources", "provider: buildkite, partnerEvents: aws.partner/buildkite.com/a/1", 0],
    ["targets", 'kind: gitlab, url: "https://gitlab.example.com", token: env:A', 1],
    ["targets", 'kind: gitlab, url: "https://gitlab.example.com", token: env:A, projects: [a/b]', 0],
    ["targets", "kind: buildkite, organization: a, token: env:A", 0],
  ])("one of the %s with %s has %i findings", async (section, settings, findings) => {
    const others = section === "sources" ? "" : "sources: {}\n";
    const loaded = parseConfig(`${others}${section}: { one: { ${settings} } }`, "x");
    if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
    const context = { secrets: secretsOf({}), here: undefined, found: [] };
    expect(await openProjects.run(loaded.config, context)).toHaveLength(findings);
  });
});

describe("the check of permissions that a confined role never has", () => {
  it.each([
    ['summarise: ["*"]', [["roles", "a", "summarise"]]],
    ['pause: ["*"]', [["roles", "a", "pause"]]],
    ["call: [deliveries, sessions]", [["roles", "a", "call"]]],
    ['call: [deliveries, status], replay: ["*"], approve: ["*"]', []],
  ])("a confined role with %s has findings at %j", async (permissions, paths) => {
    const role = (name: string, scope: string) => `  ${name}: { ${permissions}${scope} }\n`;
    const loaded = parseConfig(`sources: {}\nroles:\n${role("a", ", in: { spaces: [DOC] }")}${role("b", "")}`, "x");
    if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
    const found = await unusablePermission.run(loaded.config, { secrets: secretsOf({}), here: undefined, found: [] });
    expect(found.map(({ path }) => path)).toEqual(paths);
  });
});

describe("the checks of upstreams", () => {
  const IDENTITY = "identity: { issuer: https://bridge.example.test }";
  const upstream = (name: string, audience: string, role: string) =>
    `${name}: { audience: "${audience}", allow: [{ role: ${role} }] }`;
  const one = upstream("one", "a", "builders");
  it.each<[string, string, readonly string[], Check, readonly string[]]>([
    ["no identity", "", [one], upstreamWithoutIssuer, ["upstreams.one"]],
    ["an identity", IDENTITY, [one], upstreamWithoutIssuer, []],
    ["one audience", IDENTITY, [one, upstream("two", "a", "builders")], sharedAudience, ["upstreams.two.audience"]],
    ["two audiences", IDENTITY, [one, upstream("two", "b", "builders")], sharedAudience, []],
    [
      "a role that nobody earns",
      IDENTITY,
      [upstream("one", "a", "idle")],
      unearnedRole,
      ["upstreams.one.allow.0.role"],
    ],
    ["a role that jobs earn", IDENTITY, [one], unearnedRole, []],
    [
      "requests that need a scope of nobody",
      IDENTITY,
      [
        'one: { audience: a, allow: [{ role: builders, scopes: [pull] }], requests: [{ methods: [GET], paths: ["/**"], scope: pull }, { methods: [PUT], paths: ["/**"], scope: push }] }',
      ],
      unearnedScope,
      ["upstreams.one.requests.1.scope"],
    ],
    [
      "paths that no request has",
      IDENTITY,
      [
        'one: { audience: a, allow: [{ role: builders, scopes: [pull] }], requests: [{ methods: [GET], paths: ["/a/**", "/a//b", "/**/c", "/a%2Fb", "/../d"], scope: pull }] }',
      ],
      unreachableRequest,
      ["upstreams.one.requests.0.paths.1", "upstreams.one.requests.0.paths.3", "upstreams.one.requests.0.paths.4"],
    ],
    ["a confined role", IDENTITY, [upstream("one", "a", "docs")], unusablePermission, ["upstreams.one.allow.0.role"]],
  ])("upstreams with %s", async (_, identity, upstreams, check, paths) => {
    const loaded = parseConfig(
      `${identity}
issuers: { jobs: { issuer: https://jobs.example.test, audience: a, roles: [builders] } }
roles: { builders: {}, idle: {}, docs: { in: { spaces: [DOC] } } }
sources: {}
upstreams: { ${upstreams.join(", ")} }
`,
      "x",
    );
    if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
    const found = await check.run(loaded.config, { secrets: secretsOf({}), here: undefined, found: [] });
    expect(found.map(({ path }) => path.join("."))).toEqual(paths);
  });
});

describe("the checks of what the bridge signs with on this machine", () => {
  const UPSTREAM = "upstreams: { one: { audience: one, allow: [{ role: ci, scopes: [a] }] } }";
  const target = (settings: object) => ({ name: "builds", kind: "any", settings });
  const TOKEN = { bridge: { audience: "a" } };
  const here = { clock: testClock() };
  const readConfigOf = (text: string) => {
    const loaded = parseConfig(`sources: {}\n${text}`, "x");
    if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
    return loaded.config;
  };

  it.each<[string, string, object, { readonly clock: Clock } | undefined, number]>([
    ["an upstream", UPSTREAM, {}, here, 1],
    ["a target that gets the bridge's token", "", { identity: TOKEN }, here, 1],
    ["a target whose token is an exchanged one", "", { identity: { tokenExchange: {} } }, here, 1],
    ["a target with another kind of token", "", { identity: { clientCredentials: {} } }, here, 0],
    ["nothing to sign", "", {}, here, 0],
    ["a target, in AWS", "", { identity: TOKEN }, undefined, 0],
  ])(
    "an identity without keys, with %s, has the findings of the machine",
    async (_, text, settings, where, findings) => {
      const without = readConfigOf(`identity: { issuer: https://bridge.example.test }\n${text}`);
      const context = { secrets: secretsOf({}), here: where, found: [] };
      const found = await identityWithoutKey.run({ ...without, targets: [target(settings)] }, context);
      expect(found).toHaveLength(findings);
      for (const { message } of found) expect(message).toContain('"keys" is missing: the bridge cannot sign');
      const withKey = readConfigOf(`identity: { issuer: https://bridge.example.test, keys: [env:K] }\n${text}`);
      expect(await identityWithoutKey.run({ ...withKey, targets: [target(settings)] }, context)).toEqual([]);
    },
  );

  it("a target's secret that is no signing token is an error where the bridge runs", async () => {
    const config = {
      ...readConfigOf(""),
      targets: [
        target({ secret: { current: "env:GOOD", next: "env:BAD" } }),
        target({ secret: { current: "env:NONE" } }),
      ],
    };
    const secrets = secretsOf({
      GOOD: `whsec_${Buffer.alloc(32, 1).toString("base64")}`,
      BAD: "a long text that is no signing token",
    });
    expect(await unfitTargetSecret.run(config, { secrets, here, found: [] })).toEqual([
      { path: ["targets", "builds", "secret", "next"], message: expect.stringContaining("it is not a signing token") },
    ]);
    expect(await unfitTargetSecret.run(config, { secrets, here: undefined, found: [] })).toEqual([]);
  });
});

describe("the check of runs whose end nobody reports", () => {
  const GITLAB = "code: { provider: gitlab, token: { current: env:A }, projects: [a/*] }";
  const CLUSTER =
    "cluster: { provider: tekton, basic: { username: t, password: { current: env:B } }, namespaces: [ci] }";
  const KEY = "originKey: { current: env:C }, ";
  it.each<[string, readonly string[], string, readonly string[]]>([
    ["no source", [], "", ["issuers.jobs", "issuers.pods"]],
    ["the source of the code host", [GITLAB], "", ["issuers.pods"]],
    ["both sources and no key", [GITLAB, CLUSTER], "", ["issuers.pods"]],
    ["both sources and a key", [GITLAB, CLUSTER], KEY, []],
  ])("a configuration with %s", async (_, sources, key, paths) => {
    const listener = `{ kind: tekton, url: https://el.example.test, ${key}runsReportedBy: cluster, namespaces: [ci] }`;
    const loaded = parseConfig(
      `identity: { issuer: https://bridge.example.test }
issuers:
  jobs: { preset: gitlab, issuer: https://gitlab.example.test, audience: a, roles: [builders] }
  pods: { preset: kubernetes, issuer: https://k8s.example.test, audience: a, roles: [builders] }
  people: { issuer: https://idp.example.test, audience: a, roles: [builders] }
roles: { builders: {} }
sources: { ${sources.join(", ")} }
targets: { ${sources.includes(CLUSTER) ? `listener: ${listener}` : ""} }
upstreams: { registry: { audience: r, allow: [{ role: builders }] } }
`,
      "x",
    );
    if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
    const context = { secrets: secretsOf({}), here: undefined, found: [] };
    expect((await unnoticedRunEnd.run(loaded.config, context)).map(({ path }) => path.join("."))).toEqual(paths);
  });
});

describe("the check of comments that list pages", () => {
  const COMMENT = "notes: { when: { source: [drawbridge.gitlab] }, do: { gitlab: { target: forge, comment: pages } } }";
  const STATUS = "status: { when: { source: [drawbridge.gitlab] }, do: { gitlab: { target: forge } } }";
  const PAGES = 'pages: { when: { source: [drawbridge.gitlab] }, do: { confluence: { target: wiki, page: "1" } } }';
  it.each([
    ["a comment and no page", [COMMENT, STATUS], [["routes", "notes", "do", "gitlab", "comment"]]],
    ["a comment and a page", [COMMENT, PAGES], []],
    ["neither", [STATUS], []],
  ])("routes with %s have findings at %j", async (_, routes, paths) => {
    const loaded = parseConfig(
      `sources: { code: { provider: gitlab, token: { current: env:A }, projects: [a/*] } }
targets:
  forge: { kind: gitlab, url: https://gitlab.example.com, token: env:B, projects: [a/*] }
  wiki: { kind: confluence, product: data-center, site: https://wiki.example.test, credential: { bearer: env:C } }
routes: { ${routes.join(", ")} }
`,
      "x",
    );
    if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
    const context = { secrets: secretsOf({}), here: undefined, found: [] };
    expect((await commentWithoutPages.run(loaded.config, context)).map(({ path }) => path)).toEqual(paths);
  });
});

/** What a check finds in one target. */
async function targetFindings(check: Check, sources: string, settings: object, kind = "tekton") {
  const loaded = parseConfig(sources, "x");
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.findings));
  const context = { secrets: secretsOf({}), here: undefined, found: [] };
  return check.run({ ...loaded.config, targets: [{ name: "docs", kind, settings }] }, context);
}

describe("the check of messages about other events", () => {
  const configOf = (when: object, options: object = { as: "slack" }) =>
    JSON.stringify({
      sources: { cluster: { provider: "tekton", basic: { username: "t", password: { current: "env:T" } } } },
      targets: {
        chat: { kind: "webhook", url: "env:HOOK" },
        ci: {
          kind: "tekton",
          url: "https://el.example.com",
          token: "env:L",
          runsReportedBy: "cluster",
          namespaces: ["ci"],
        },
      },
      routes: {
        build: { when: { "detail-type": ["build.failed"] }, approval: {}, do: { tekton: { target: "ci" } } },
        ask: { when, do: { webhook: { target: "chat", ...options } } },
      },
    });
  it.each<[string, object, object | undefined, string[]]>([
    ["the bridge's approvals", { source: ["drawbridge.approvals"] }, undefined, []],
    ["a request for a role", { "detail-type": ["access.requested"] }, undefined, []],
    ["approvals of any system", { "detail-type": ["approval.requested"] }, undefined, ["approval.requested"]],
    ["runs too", { "detail-type": ["build.failed", "approval.requested"] }, undefined, ["build.failed"]],
    ["runs, as they are", { "detail-type": ["build.failed"] }, {}, []],
  ])("a route for %s", async (_, when, options, types) => {
    const loaded = parseConfig(configOf(when, options), "test.yaml");
    if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
    const found = await messageOfOther.run(loaded.config, { secrets: secretsOf({}), here: undefined, found: [] });
    const messages = types.map((type) => `it also matches ${type} of cluster, which "as" does not show`);
    expect(found.map(({ message }) => message)).toEqual(messages);
  });
});
