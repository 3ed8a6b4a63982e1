import { describe, expect, it } from "vitest";
import { checkLoaded } from "../../../shared/config/check.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { Secret } from "../../../shared/host/secrets.ts";

const configuration = ({
  people = "",
  approval = "approval: {}",
  summarise = "wiki",
  summaries = "summary.submitted",
}) => `
sources:
  site: { provider: confluence, site: "https://wiki.example.test", hubSignature: { current: env:WIKI }${people} }
  cluster: { provider: tekton, basic: { username: u, password: { current: env:CLUSTER } }, namespaces: [ci] }
issuers: { people: { issuer: "https://idp.example.test", audience: bridge, roles: [lead] } }
roles: { lead: { approve: [docs], call: [deliveries], summarise: [${summarise}] } }
targets:
  listener: { kind: tekton, url: "https://ci.example.test", runsReportedBy: cluster }
  wiki:
    { kind: confluence, product: cloud, site: "https://wiki.example.test", spaces: [DOC], credential: { bearer: env:T } }
routes:
  docs: { ${approval}, when: { detail-type: [page.updated] }, do: { tekton: { target: listener } } }
  text: { when: { detail-type: [${summaries}] }, do: { confluence: { target: wiki } } }
`;

async function findings(changes: Parameters<typeof configuration>[0]): Promise<readonly string[]> {
  const text = configuration(changes);
  const found = await checkLoaded(parseConfig(text, "test"), "test", { read: async () => new Secret("there") });
  return found
    .map(({ message }) => message)
    .filter((message) =>
      /unnamed-people|unshown-summaries|no "people"|without "people"|summary|pages named/.test(message),
    );
}

const KIM = ", people: { kim: { roles: [lead] } }";

describe("the check of people and summaries", () => {
  it("it finds nothing if the accounts are named and a route shows the summaries", async () => {
    expect(await findings({ people: KIM })).toEqual([]);
    expect(await findings({ people: KIM, summarise: '"w*"' })).toEqual([]);
    expect(await findings({ approval: "mode: shadow" })).toEqual([]);
  });

  it.each<[string, Parameters<typeof configuration>[0], RegExp]>([
    ["a source without people whose events wait", {}, /sources\.site: the route docs waits for an approval/],
    [
      "a source without people whose comments are looked through for commands",
      { approval: "mode: shadow", summaries: "summary.submitted, page.commented" },
      /sources\.site: the route text looks for commands in its comments/,
    ],
    [
      "a role for summaries of a target to which no route leads them",
      { people: KIM, summaries: "build.failed" },
      /roles\.lead\.summarise\[?\.?0\]?: no route leads summary\.submitted to wiki/,
    ],
    [
      "a role for summaries of a target without pages",
      { people: KIM, summarise: "listener" },
      /roles\.lead\.summarise\[?\.?0\]?: there is no target with pages named listener/,
    ],
  ])("it warns of %s", async (_, changes, message) => {
    expect((await findings(changes)).join("\n")).toMatch(message);
  });
});
