import * as v from "valibot";
import { describe, expect, it } from "vitest";
import type { Action, DecisionWays } from "../../../shared/actions/action.ts";
import { connectAction } from "../../../shared/config/connect-action.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { actionDeps } from "../../support/test-doubles.ts";

const configuration = ({ people = "{ max: { roles: [] } }", when = "[page.commented]", console = "" }) => `
sources:
  wiki:
    provider: confluence
    site: https://wiki.example.test
    hubSignature: { current: env:WIKI }
    people: ${people}
issuers:
  people: { issuer: https://idp.example.test, audience: bridge }
${console}
targets:
  pages: { kind: confluence, product: data-center, site: https://wiki.example.test, credential: { bearer: env:T } }
routes:
  status: { when: { source: [drawbridge.confluence], detail-type: ${when} }, do: { confluence: { target: pages } } }
`;

/** What the action is given as ways to decide. */
function waysIn(given: Parameters<typeof configuration>[0]): DecisionWays | undefined {
  let ways: DecisionWays | undefined;
  const action: Action = {
    name: "confluence",
    target: v.looseObject({}),
    options: v.looseObject({}),
    maxAttemptMs: 1,
    commandEvents: ["page.commented"],
    connect: (_, { decisionWays }) => {
      ways = decisionWays;
      return { run: async () => ({ outcome: "done", summary: "" }) };
    },
  };
  const parsed = parseConfig(configuration(given), "test");
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.findings));
  connectAction(action, parsed.config, {
    ...actionDeps({}),
    credentialUsage: { record: () => undefined },
    orders: async () => ({}),
  });
  return ways;
}

const CONSOLE =
  "console: { trust: people, clientId: bridge, sealedBy: { current: env:SEAL }, url: https://b.example.test }";

describe("the ways to decide that a page names", () => {
  it("comments are named if a route takes them from a source with people", () => {
    expect(waysIn({})).toEqual({ comments: true, console: undefined });
    expect(waysIn({ when: "[{ prefix: page. }]" })).toMatchObject({ comments: true });
  });

  it.each([
    ["no route takes them", { when: "[page.updated]" }],
    ["the source has no people", { people: "{}" }],
    ["the route takes those of one page alone", { when: "[page.commented], detail: { page: { id: ['7'] } }" }],
  ])("comments are not named if %s", (_, given) => {
    expect(waysIn(given)).toMatchObject({ comments: false });
  });

  it("the console is named by its own address", () => {
    expect(waysIn({ console: CONSOLE })).toMatchObject({ console: "https://b.example.test/console/approvals" });
  });
});
