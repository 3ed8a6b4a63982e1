import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { checkLoaded } from "../../../shared/config/check.ts";
import { ordersIn } from "../../../shared/config/compiled-orders.ts";
import { patternsIn } from "../../../shared/config/compiled-patterns.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { Secret } from "../../../shared/host/secrets.ts";

const configuration = ({
  roles = "roles: [release]",
  inputs = "environment: { choice: [staging] }, commit: { ref: commit }",
  more = "",
  name = "deploy",
  param = "commit",
  role = "{}",
}) => `
sources:
  cluster: { provider: tekton, basic: { username: u, password: { current: env:CLUSTER } }, namespaces: [ci] }
issuers: { people: { issuer: "https://idp.example.test", audience: bridge, roles: [release, lead] } }
roles: { release: ${role}, lead: { approve: [docs] }, unearned: {} }
orders: { deploy: { ${roles}${more}, inputs: { ${inputs} } } }
targets:
  listener: { kind: tekton, url: "https://ci.example.test", runsReportedBy: cluster }
  wiki:
    { kind: confluence, product: cloud, site: "https://wiki.example.test", spaces: [DOC], credential: { bearer: env:T } }
routes:
  docs:
    approval: {}
    when: { detail-type: [order.placed], detail: { order: { name: [${name}] } } }
    do: { tekton: { target: listener, params: { value: $.detail.order.inputs.${param} } } }
`;

const findings = (changes: Parameters<typeof configuration>[0]) => findingsIn(configuration(changes));

async function findingsIn(text: string): Promise<readonly string[]> {
  const loaded = parseConfig(text, "test");
  const found = await checkLoaded(loaded, "test", { read: async () => new Secret("there") });
  return found.map(({ message }) => message).filter((message) => /orders|orders\.|routes\.docs/.test(message));
}

describe("the check of orders", () => {
  it("it finds nothing in an order that somebody can place and a route matches", async () => {
    expect(await findings({})).toEqual([]);
    expect(await findings({ more: ", in: { environments: [staging] }" })).toEqual([]);
    expect(await findings({ inputs: "page: { page: wiki }, commit: { ref: commit }" })).toEqual([]);
  });

  it.each<[string, Parameters<typeof configuration>[0], RegExp]>([
    ["without roles", { roles: "description: x" }, /orders\.deploy.*"roles" is missing/],
    ["with an empty list of roles", { roles: "roles: []" }, /orders\.deploy\.roles.*at least one role/],
    ["with a role that does not exist", { roles: "roles: [relaese]" }, /there is no role "relaese".*release/],
    ["with a role that nobody earns", { roles: "roles: [unearned]" }, /orders\.deploy\.roles.*no trust entry earns/],
    ["with an input of no kind", { inputs: "x: { size: 3 }" }, /orders\.deploy\.inputs\.x.*exactly one of choice/],
    ["with an input of two kinds", { inputs: "x: { ref: tag, page: wiki }" }, /orders\.deploy\.inputs\.x/],
    ["with a choice of nothing", { inputs: "x: { choice: [] }" }, /choice.*not be empty/],
    ["with a choice that a template reads", { inputs: 'x: { choice: ["$(a)"] }' }, /choice.*without/],
    ["with a pattern that looks around", { inputs: 'x: { pattern: "(?!a)." }' }, /pattern.*regular expression.*\(\?!/],
    ["with a page of a target without pages", { inputs: "x: { page: listener }" }, /"listener" has no pages.*wiki/],
    ["with a page of no target", { inputs: "x: { page: wika }" }, /there is no target "wika".*wiki/],
    ["that is confined by an input that it lacks", { more: ", in: { projects: [a] }" }, /no input project/],
    [
      "all of whose roles are confined by one",
      { role: "{ in: { spaces: [DOC] } }" },
      /each of these roles has an "in"/,
    ],
    ["that no route matches", { name: "other" }, /orders\.deploy: no route matches it/],
    [
      "whose approved run takes a branch",
      { inputs: "branch: { ref: branch }", param: "branch" },
      /routes\.docs.*\$\.detail\.order\.inputs\.branch and no commit/,
    ],
  ])("it finds an order %s", async (_, changes, message) => {
    expect((await findings(changes)).join("\n")).toMatch(message);
  });

  it("an agent may start a route without a person only where the order says so, which is a finding", async () => {
    const alone = (more: string) => configuration({ more }).replace("    approval: {}\n", "");
    expect(await findingsIn(alone(""))).toEqual([]);
    expect(await findingsIn(alone(", agents: unattended"))).toEqual([
      expect.stringMatching(
        /orders\.deploy\.agents: an agent may start the route "docs" with it, and no person is asked/,
      ),
    ]);
    expect(await findings({ more: ", agents: unattended" })).toEqual([]);
  });

  const WHOEVER = /whoever starts a job of "jobs" that places the order "deploy" may approve it with a token/;
  const withJobs = (preset: string, people = "", role = "staging: {}") =>
    configuration({
      roles: "roles: [staging]",
      inputs: "environment: { choice: [staging, production] }",
      param: "environment",
    })
      .replace("issuers: {", `issuers: { jobs: ${preset},`)
      .replace("roles: { release", `roles: { ${role}, release`)
      .replace("namespaces: [ci] }", `namespaces: [ci]${people} }`);
  const GITLAB = '{ preset: gitlab, audience: b, claims: [{ path: namespace_id, equals: "72" }], roles: [staging] }';
  const BUILDKITE =
    "{ preset: buildkite, audience: b, claims: [{ path: organization_id, equals: 018a6f2e-0000-4000-8000-000000000001 }], roles: [staging] }";
  const LINKED = ', people: { "7": { roles: [], token: { trust: people, subject: max } } }';

  it.each<[string, string, RegExp | undefined]>([
    ["with nobody linked", withJobs(GITLAB), /nothing under "people" of a source says/],
    ["with people linked", withJobs(GITLAB, LINKED), undefined],
    ["whose token names nobody", withJobs(BUILDKITE, LINKED), /the token of the job does not name who started it/],
    [
      "that may not order what the route takes",
      withJobs(GITLAB, "", "staging: { in: { environments: [staging] } }").replace(
        "name: [deploy] }",
        "name: [deploy], inputs: { environment: [production] } }",
      ),
      undefined,
    ],
    [
      "that may order it, although its role is confined",
      withJobs(GITLAB, "", "staging: { in: { environments: [prod*] } }").replace(
        "name: [deploy] }",
        "name: [deploy], inputs: { environment: [production] } }",
      ),
      WHOEVER,
    ],
    ["without an approval", withJobs(GITLAB).replace("    approval: {}\n", ""), undefined],
  ])("whoever starts a job %s", async (_, text, message) => {
    const found = (await findingsIn(text)).filter((one) => WHOEVER.test(one));
    expect(found).toEqual(message === undefined ? [] : [expect.stringMatching(message)]);
  });

  it("a function in AWS has the orders that one machine has, defaults included", () => {
    const text = configuration({ inputs: "tag: { pattern: 'v[0-9]+' }, commit: { ref: commit }" });
    const loaded = parseConfig(text, "test");
    if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join());
    const { orders } = loaded.config;
    expect(orders).toMatchObject({ deploy: { inputs: { tag: { maxLength: 200 } } } });
    expect(ordersIn(parse(text))).toEqual(orders);
    expect(ordersIn({})).toEqual({});
  });

  it("a function in AWS knows which routes are in shadow mode", () => {
    const shadow = configuration({}).replace("approval: {}", "approval: {}\n    mode: shadow");
    for (const [text, mode] of [
      [configuration({}), "enforce"],
      [shadow, "shadow"],
    ] as const)
      expect(patternsIn(parse(text))).toMatchObject([{ name: "docs", mode }]);
  });

  it("no source has the name of orders", async () => {
    const text = configuration({}).replace("  cluster: { provider", "  orders: { provider");
    const loaded = parseConfig(text, "test");
    expect(loaded.ok ? [] : loaded.findings.map(({ message }) => message).join()).toContain("the bridge's own");
  });
});
