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
  cluster: { provider: tekton, basic: { username: u, password: { current: env:CLUSTER } } }
issuers:
  people: { issuer: https://idp.example.test, audience: bridge, roles: [lead] }
roles: { lead: { approve: [${approve}] } }
targets: { listener: { kind: tekton, url: https://ci.example.test, runsReportedBy: cluster } }
routes:
  docs: { ${rest}, when: { detail-type: [page.updated] }, do: { tekton: { target: listener } } }
  told: { when: { source: [drawbridge.approvals] }, do: { tekton: { target: listener } } }
`;

async function findings(text: string): Promise<readonly string[]> {
  const found = await checkLoaded(parseConfig(text, "test"), "test", { read: async () => new Secret("there") });
  return found.map(({ level, message }) => `${level}: ${message}`);
}

describe("a route that needs an approval", () => {
  it("and that a role may approve is good, and what the bridge tells of it can be acted on", async () => {
    expect(await findings(configuration("docs"))).toEqual([]);
    expect(await findings(configuration('"d*"', "approval: { expiresMinutes: 10080 }"))).toEqual([]);
  });

  it.each([
    ["that no role may approve", configuration("told"), /error: .*routes\.docs\.approval.*no role may approve it/],
    ["with no time", configuration("docs", "approval: { expiresMinutes: 0 }"), /expiresMinutes/],
    ["with too much of it", configuration("docs", "approval: { expiresMinutes: 10081 }"), /expiresMinutes/],
    [
      "for longer than records are kept",
      `${configuration("docs", "approval: { expiresMinutes: 1441 }")}\nlimits: { retentionDays: 1 }`,
      /error: .*expiresMinutes.*records are kept for 1440 minutes/,
    ],
    [
      "of a person with a role that is not there",
      configuration("docs").replace("roles: [lead], token", "roles: [led], token"),
      /there is no role "led"/,
    ],
    [
      "of a person by a trust entry that is not there",
      configuration("docs").replace("trust: people", "trust: poeple"),
      /there is no issuer "poeple"/,
    ],
    [
      "of a source that has the bridge's own name",
      configuration("docs").replace("  wiki:", "  approvals:"),
      /another name/,
    ],
  ])("%s is refused", async (_, text, message) => {
    expect((await findings(text)).join("\n")).toMatch(message);
  });
});
