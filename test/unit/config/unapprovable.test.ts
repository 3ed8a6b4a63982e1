import { describe, expect, it } from "vitest";
import { checkLoaded } from "../../../shared/config/check.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { Secret } from "../../../shared/host/secrets.ts";

const configuration = (approve: string, rest = "approval: {}") => `
sources:
  wiki:
    provider: confluence
    site: https://wiki.example.test
    hubSignature: { current: env:WIKI }
    people: { "max": { roles: [lead], token: { trust: people, subject: max } } }
  cluster: { provider: tekton, basic: { username: u, password: { current: env:CLUSTER } }, namespaces: [ci] }
issuers:
  people: { issuer: https://idp.example.test, audience: bridge, roles: [lead] }
roles: { lead: { approve: [${approve}] } }
targets: { listener: { kind: tekton, url: https://ci.example.test, runsReportedBy: cluster } }
routes:
  docs: { ${rest}, when: { detail-type: [page.updated] }, do: { tekton: { target: listener } } }
  report: { when: { source: [drawbridge.approvals] }, do: { tekton: { target: listener } } }
`;

async function findings(text: string): Promise<readonly string[]> {
  const found = await checkLoaded(parseConfig(text, "test"), "test", { read: async () => new Secret("there") });
  return found.map(({ level, message }) => `${level}: ${message}`);
}

describe("a route that needs an approval", () => {
  it("a route that a role may approve has no findings, nor has a route on the bridge's own approval events", async () => {
    expect(await findings(configuration("docs"))).toEqual([]);
    expect(await findings(configuration('"d*"', "approval: { expiresMinutes: 10080 }"))).toEqual([]);
  });

  it.each([
    ["that no role may give", configuration("report"), /error: .*routes\.docs\.approval.*no role may approve it/],
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
