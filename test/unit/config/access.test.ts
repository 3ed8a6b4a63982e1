import { describe, expect, it } from "vitest";
import { checkLoaded } from "../../../shared/config/check.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { Secret } from "../../../shared/host/secrets.ts";

const configuration = ({
  onRequest = "{ by: [developer], approvedBy: [on-call] }",
  onCall = "{ call: [deliveries] }",
  jobs = "ci",
}) => `
sources: {}
issuers:
  people: { issuer: "https://idp.example.test", audience: bridge, roles: [developer, on-call, incident] }
  jobs: { preset: gitlab, audience: b, claims: [{ path: namespace_id, equals: "72" }], roles: [${jobs}] }
  unnamed: { issuer: "https://gitlab.com", audience: b, claims: [{ path: namespace_id, equals: "72" }], roles: [ci] }
roles: { developer: {}, on-call: ${onCall}, ci: {}, unearned: {}, incident: { onRequest: ${onRequest} } }
`;

async function findings(changes: Parameters<typeof configuration>[0]): Promise<readonly string[]> {
  const loaded = parseConfig(configuration(changes), "test");
  const found = await checkLoaded(loaded, "test", { read: async () => new Secret("there") });
  return found.map(({ message }) => message).filter((message) => message.includes("onRequest"));
}

describe("the check of roles that can be requested", () => {
  it("it finds nothing in a role that somebody requests and another grants", async () => {
    expect(await findings({})).toEqual([]);
    const all = "{ by: [developer], approvedBy: [incident, on-call], maxMinutes: 1440 }";
    expect(await findings({ onRequest: all })).toEqual([]);
  });

  it.each<[string, Parameters<typeof configuration>[0], RegExp]>([
    ["without those who may request it", { onRequest: "{ approvedBy: [on-call] }" }, /"by" is missing/],
    ["without those who grant it", { onRequest: "{ by: [developer] }" }, /"approvedBy" is missing/],
    ["that nobody may grant", { onRequest: "{ by: [developer], approvedBy: [] }" }, /approvedBy/],
    ["for no time", { onRequest: "{ by: [developer], approvedBy: [on-call], maxMinutes: 0 }" }, /maxMinutes/],
    [
      "for more than a day",
      { onRequest: "{ by: [developer], approvedBy: [on-call], maxMinutes: 1441 }" },
      /maxMinutes/,
    ],
    [
      "that a role which does not exist grants",
      { onRequest: "{ by: [developer], approvedBy: [on-cal] }" },
      /there is no role "on-cal".*on-call/,
    ],
    [
      "that a role which does not exist requests",
      { onRequest: "{ by: [dev], approvedBy: [on-call] }" },
      /no role "dev"/,
    ],
    [
      "that only itself grants",
      { onRequest: "{ by: [developer], approvedBy: [incident] }" },
      /approvedBy.*other than itself/,
    ],
    [
      "that only a confined role grants",
      { onCall: "{ call: [deliveries], in: { projects: [docs] } }" },
      /approvedBy.*without an "in"/,
    ],
    [
      "that nobody earns the right to request",
      { onRequest: "{ by: [unearned], approvedBy: [on-call] }" },
      /\.by: no trust/,
    ],
    [
      "that only jobs may request",
      { onRequest: "{ by: [ci], approvedBy: [on-call] }" },
      /\.by: no trust entry of people/,
    ],
  ])("it finds a role %s", async (_, changes, message) => {
    expect((await findings(changes)).join("\n")).toMatch(message);
  });
});
