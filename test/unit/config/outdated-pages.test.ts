import { describe, expect, it } from "vitest";
import { checkLoaded } from "../../../shared/config/check.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { Secret } from "../../../shared/host/secrets.ts";

const configuration = ({ types = "", options = ", documentedBy: docs", outdated = ", outdated: { after: 20 }" }) => `
sources:
  site: { provider: confluence, site: "https://wiki.example.test", hubSignature: { current: env:WIKI } }
  code: { provider: gitlab, signingToken: { current: env:CODE }, projects: [platform/docs] }
targets:
  wiki:
    { kind: confluence, product: cloud, site: "https://wiki.example.test", spaces: [DOC], credential: { bearer: env:T }${outdated} }
routes:
  status: { when: { detail-type: [build.failed${types}] }, do: { confluence: { target: wiki${options} } } }
  behind: { when: { detail-type: [page.outdated] }, do: { confluence: { target: wiki } } }
`;

async function findings(changes: Parameters<typeof configuration>[0]): Promise<readonly string[]> {
  const text = configuration(changes);
  const found = await checkLoaded(parseConfig(text, "test"), "test", { read: async () => new Secret("there") });
  return found.map(({ message }) => message).filter((message) => /count|behind/.test(message));
}

const ALL = ", code.pushed, page.updated, page.labeled";

describe("the check of pages that fall behind their code", () => {
  it("it finds nothing if a route counts the pushes and gets the edits and labels", async () => {
    expect(await findings({ types: ALL })).toEqual([]);
  });

  it.each<[string, Parameters<typeof configuration>[0], RegExp]>([
    ["no pushes", {}, /targets\.wiki\.outdated: no route with documentedBy leads code\.pushed/],
    ["no label of documenting pages", { types: ALL, options: "" }, /no route with documentedBy leads code\.pushed/],
    ["no labels", { types: ", code.pushed, page.updated" }, /no route leads page\.labeled to it/],
    ["no edits and labels", { types: ", code.pushed" }, /no route leads page\.updated and page\.labeled to it/],
  ])("it warns if a target that counts commits gets %s", async (_, changes, message) => {
    expect(await findings(changes)).toEqual([expect.stringMatching(message)]);
  });

  it("a route for page.outdated can match nothing if no target counts commits", async () => {
    expect(await findings({ outdated: "" })).toEqual([expect.stringMatching(/routes\.behind/)]);
  });
});
