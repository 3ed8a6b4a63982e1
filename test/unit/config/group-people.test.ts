import { describe, expect, it } from "vitest";
import { groupSourcesOf } from "../../../shared/config/group-sources.ts";
import { parseConfigValue } from "../../../shared/config/parse-config.ts";

import { readYaml } from "../../../shared/config/yaml-file.ts";

const GROUPS = "from: groups, map: { platform-releases: [lead] }";

/** A wiki and a GitLab whose people are configured, and targets of both. */
const configuration = ({ wiki = "", gitlab = "", targets = "" } = {}) => `
sources:
  wiki:
    provider: confluence
    site: https://wiki.example.test
    hubSignature: { current: env:WIKI }
    people: { ${wiki} }
  code: { provider: gitlab, signingToken: { current: env:CODE }, projects: [platform/*], people: { ${gitlab} } }
  ci: { provider: buildkite, organization: acme, pipelines: [docs], signature: { current: env:BK } }
issuers: { people: { issuer: "https://idp.example.test", audience: bridge, roles: [lead] } }
roles: { lead: { approve: [docs] } }
targets:
  listener: { kind: webhook, url: "https://chat.example.test", secret: env:CHAT }
  pages:
    { kind: confluence, product: data-center, site: "https://wiki.example.test", credential: { bearer: env:T } }
  other:
    { kind: confluence, product: data-center, site: "https://other.example.test", credential: { bearer: env:T } }
  ${targets}
routes: {}
`;

const problemsOf = (text: string): readonly string[] =>
  parseConfigValue(readYaml(text).value)
    .problems.map(({ path, message }) => `${path.join(".")}: ${message}`)
    .filter((problem) => problem.includes("people"));

const outlineOf = (text: string) => {
  const { config } = parseConfigValue(readYaml(text).value);
  if (config === undefined) throw new Error("it is valid");
  return groupSourcesOf(config);
};

describe("people who are known by groups", () => {
  it("are asked for at the only target of the source's site", () => {
    expect(problemsOf(configuration({ wiki: GROUPS }))).toEqual([]);
    expect(outlineOf(configuration({ wiki: GROUPS }))).toMatchObject({
      wiki: { map: { "platform-releases": ["lead"] }, target: { name: "pages", kind: "confluence" } },
    });
    const instance = 'code: { kind: gitlab, url: "https://gitlab.example.test", token: env:G }';
    expect(outlineOf(configuration({ gitlab: GROUPS, targets: instance }))).toMatchObject({
      code: { target: { name: "code", kind: "gitlab" } },
    });
  });

  it("may be listed as well, with or without roles, and an account may have the name of a setting", () => {
    const accounts = "accounts: { kim: { token: { trust: people, subject: kim } }, lee: { roles: [] } }";
    expect(problemsOf(configuration({ wiki: `${GROUPS}, ${accounts}` }))).toEqual([]);
    const listed = configuration({ wiki: "from: { roles: [lead] }, map: { roles: [lead] }" });
    expect(problemsOf(listed)).toEqual([]);
    expect(outlineOf(listed)).toEqual({});
  });

  it("a group may have the name of any setting", () => {
    expect(problemsOf(configuration({ wiki: "from: groups, map: { trust: [lead], roles: [lead] }" }))).toEqual([]);
  });

  const SECOND =
    'more: { kind: confluence, product: data-center, site: "https://wiki.example.test", credential: { bearer: env:T } }';
  it.each<[string, Parameters<typeof configuration>[0], RegExp]>([
    [
      "no target of the kind",
      { gitlab: GROUPS },
      /^sources\.code\.people\.from: a target of kind gitlab .* there is none/,
    ],
    ["several targets of the site", { wiki: GROUPS, targets: SECOND }, /people\.from: .*there are pages, more/],
    [
      "a target of another site",
      { wiki: `${GROUPS}, target: other` },
      /people\.target: the target "other" is not of kind confluence at https:\/\/wiki\.example\.test/,
    ],
    ["a target of another kind", { wiki: `${GROUPS}, target: listener` }, /the target "listener" is not/],
    ["a target that is not there", { wiki: `${GROUPS}, target: pagse` }, /there is no target "pagse".*pages/],
    [
      "an unknown role",
      { wiki: "from: groups, map: { a: [leed] }" },
      /people\.map\.a\.0: there is no role "leed".*lead/,
    ],
    ["no group", { wiki: "from: groups, map: {}" }, /people\.map: .*at least one group/],
    ["a misspelt key", { wiki: "from: groups, mapp: { a: [lead] }" }, /there is no "mapp" here|"map" is missing/],
    ["another word", { wiki: "from: lists, map: { a: [lead] }" }, /people\.from: it must be groups/],
    ["a listed person without roles", { wiki: "kim: { rolls: [lead] }" }, /people\.kim/],
    [
      "a trust entry that is not there",
      { wiki: `${GROUPS}, accounts: { kim: { token: { trust: x, subject: k } } }` },
      /no issuer "x"/,
    ],
  ])("are refused with %s", (_, changes, expected) => {
    expect(problemsOf(configuration(changes)).join("\n")).toMatch(expected);
  });

  it("a named target is asked if several fit", () => {
    const text = configuration({ wiki: `${GROUPS}, target: more`, targets: SECOND });
    expect(problemsOf(text)).toEqual([]);
    expect(outlineOf(text)).toMatchObject({ wiki: { target: { name: "more" } } });
  });

  it("have no groups at a sender that knows none", () => {
    const text = configuration().replace("pipelines: [docs],", `pipelines: [docs], people: { ${GROUPS} },`);
    expect(problemsOf(text).join("\n")).toMatch(/sources\.ci\.people\.from: accounts of a source of buildkite/);
  });
});
