import { describe, expect, it } from "vitest";
import { checkLoaded } from "../../../shared/config/check.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { tokenEncryptionsOf } from "../../../shared/config/system-tokens.ts";
import { Secret } from "../../../shared/host/secrets.ts";

const SITE = "https://example.atlassian.net/wiki";
const KEPT = "systemToken: { sealedBy: { current: env:SEAL } }";

const configuration = (changes: { source?: string; forge?: string; site?: string } = {}) => `
issuers:
  our-app: { preset: forge, audience: "ari:cloud:ecosystem::app/1" }
sources:
  wiki:
    provider: confluence
    site: ${SITE}
    forge: { trust: our-app, installations: [a], ${changes.forge ?? KEPT} }
  cluster: { provider: tekton, basic: { username: u, password: { current: env:CLUSTER } } }
targets:
  pages: { kind: confluence, product: cloud, site: ${changes.site ?? SITE}, credential: { forge: ${changes.source ?? "wiki"} } }
routes:
  status: { when: { detail-type: [{ prefix: build. }, page.commented] }, do: { confluence: { target: pages } } }
`;

async function errors(text: string): Promise<readonly string[]> {
  const found = await checkLoaded(parseConfig(text, "test"), "test", {
    read: async () => new Secret("a secret for tests"),
  });
  return found.flatMap(({ level, message }) => (level === "error" ? [message.replace(/^test:\d+:\d+ /, "")] : []));
}

describe("a target that uses an app's own token", () => {
  it("a target may use an app's token if its source keeps it", async () => {
    expect(await errors(configuration())).toEqual([]);
  });

  it.each([
    ["there is no such source", { source: "wikki" }, 'there is no source "wikki"; is it "wiki"?'],
    ["the source is another system's", { source: "cluster" }, 'the source "cluster" stores no token'],
    ["the source keeps none", { forge: "" }, 'the source "wiki" stores no token: give it a "systemToken"'],
    ["the source is another site's", { site: "https://other.atlassian.net/wiki" }, `to another site, ${SITE}`],
  ])("a target may not use an app's token if %s", async (_, changes, message) => {
    const found = await errors(configuration(changes));
    expect(found).toEqual([expect.stringContaining("targets.pages.credential.forge: ")]);
    expect(found[0]).toContain(message.replace('; is it "wiki"?', ""));
  });
});

it("the encryption of a source's tokens comes with the ids of the apps that the source trusts", () => {
  const loaded = parseConfig(configuration(), "test");
  if (!loaded.ok) throw new Error("it fits");
  expect([...tokenEncryptionsOf(loaded.config)]).toEqual([
    ["wiki", { sealedBy: { current: "env:SEAL" }, apps: ["ari:cloud:ecosystem::app/1"] }],
  ]);
});
