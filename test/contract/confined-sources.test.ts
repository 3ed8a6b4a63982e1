import { describe, expect, it } from "vitest";
import { providers } from "../../shared/providers/registry.ts";
import {
  connectFixtureSource,
  type Fixture,
  fixtureSourceOf,
  fixturesOf,
  requestOf,
  takenAsAuthentic,
} from "../support/provider-fixtures.ts";

/** Settings that list what the fixtures are about, and settings that do not. */
const CONFINED = [
  {
    kind: "gitlab",
    own: [{ projects: ["platform/*", "platform"] }, { projects: ["Platform/Docs", "platform"] }],
    others: [{ projects: ["platform/doc", "plat/*", "lfuchs/*"] }, { projects: ["platform/docs/*"] }],
    reason: "project_not_listed",
    names: ["project", "group"],
  },
  {
    kind: "github",
    own: [{ repositories: ["platform/*"] }, { repositories: ["other/docs", "PLATFORM/docs"] }],
    others: [{ repositories: ["platform/doc", "plat/*", "dana/*"] }, { repositories: ["platform"] }],
    reason: "project_not_listed",
    names: ["repository"],
  },
  {
    kind: "buildkite",
    own: [{ organization: "harbour-works" }, { organization: "harbour-works", pipelines: ["docs*", "deploy*"] }],
    others: [{ organization: "harbour" }, { organization: "harbour-works", pipelines: ["doc"] }],
    reason: "pipeline_not_listed",
    names: ["url", "web_url"],
  },
] as const;

async function readAs(kind: string, fixture: Fixture, settings: object) {
  const provider = providers.find(({ name }) => name === kind);
  if (provider === undefined) throw new Error(`there is no provider ${kind}`);
  const source = fixtureSourceOf(kind);
  const connected = connectFixtureSource(provider, { ...source, settings: { ...source.settings, ...settings } });
  return connected.read(await takenAsAuthentic(requestOf(fixture, new Headers(fixture.headers))));
}

describe.each(CONFINED)("a $kind source that lists what it accepts", ({ kind, own, others, reason, names }) => {
  const all = fixturesOf(kind);
  const events = all.filter(({ expected }) => expected.outcome === "event");

  it("an event of what it lists is read as without the list, and so is a delivery that is no event", async () => {
    for (const settings of own) {
      for (const fixture of all) {
        expect(await readAs(kind, fixture, settings), fixture.name).toEqual(fixture.expected);
      }
    }
  });

  it("an event of anything else is ignored with the reason, and stays the same delivery", async () => {
    for (const settings of others) {
      for (const fixture of events.filter(({ expected }) => !isOfAgentIn(settings, expected))) {
        const read = await readAs(kind, fixture, settings);
        expect(read, fixture.name).toMatchObject({
          outcome: "ignored",
          excludedFor: { reason, source: "fixture-source" },
          subject: expect.any(String),
        });
        expect(read.deliveryKey).toEqual(fixture.expected.deliveryKey);
        expect(read).not.toHaveProperty("events");
      }
    }
  });

  it("a delivery that does not name what it is of is never an event", async () => {
    const isName = (member: string) => names.some((one) => one === member);
    for (const fixture of events) {
      const body = JSON.stringify(JSON.parse(Buffer.from(fixture.body).toString()), (member, value) =>
        isName(member) ? undefined : value,
      );
      const { outcome } = await readAs(kind, { ...fixture, body: Buffer.from(body) }, own[0]);
      expect(outcome, fixture.name).not.toBe("event");
    }
  });
});

/** An agent is of an organization and of no pipeline. */
const isOfAgentIn = (settings: object, expected: Fixture["expected"]): boolean =>
  "pipelines" in settings && expected.outcome === "event" && "agent" in expected.events[0];
