import { describe, expect, it } from "vitest";
import { checkLoaded } from "../../../shared/config/check.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { Secret } from "../../../shared/host/secrets.ts";

const PARAMS = "params: { commit: $.detail.code.commit, environment: $.detail.promotion.to }";

const configuration = ({
  environments = "environments: [staging, production], ",
  action = `tekton: { target: listener, ${PARAMS} }`,
  promote = "docs",
}) => `
sources:
  code: { provider: gitlab, signingToken: { current: env:CODE }, projects: [platform/*] }
  cluster: { provider: tekton, basic: { username: u, password: { current: env:CLUSTER } }, namespaces: [ci] }
roles: { release: { promote: [${promote}] } }
targets:
  listener: { kind: tekton, url: "https://ci.example.test", runsReportedBy: cluster }
  hook: { kind: webhook, url: "https://hook.example.test", secret: { current: env:HOOK } }
routes:
  docs: { when: { detail-type: [code.pushed] }, ${environments}do: { ${action} } }
`;

async function found(changes: Parameters<typeof configuration>[0]): Promise<string> {
  const text = configuration(changes);
  const problems = await checkLoaded(parseConfig(text, "test"), "test", { read: async () => new Secret("there") });
  return problems.map(({ message }) => message).join("\n");
}

const OURS = /promot|environment/;

describe("the checks of promotions", () => {
  it("they find nothing if the route passes where it deploys and a commit", async () => {
    expect(await found({})).not.toMatch(OURS);
  });

  it.each<[string, Parameters<typeof configuration>[0], RegExp]>([
    ["one environment", { environments: "environments: [staging], " }, /at least two environments/],
    ["an environment twice", { environments: "environments: [staging, staging], " }, /different environments/],
    ["a name that is none", { environments: 'environments: [staging, "$(x)"], ' }, /an environment's name/],
    ["a target that reports no runs", { action: "webhook: { target: hook }" }, /no source reports the runs/],
    [
      "a route that passes no environment",
      { action: "tekton: { target: listener, params: { commit: $.detail.code.commit } }" },
      /passes no \$\.detail\.promotion\.to/,
    ],
    [
      "a route that passes only a name",
      { action: "tekton: { target: listener, params: { branch: $.detail.code.name, to: $.detail.promotion.to } }" },
      /passes no commit, version or digest/,
    ],
    ["a route that nobody promotes", { promote: "" }, /so nobody can promote its runs/],
    ["a permission for a route without environments", { environments: "" }, /so nothing can be promoted/],
  ])("they find %s", async (_, changes, message) => {
    expect(await found(changes)).toMatch(message);
  });
});
