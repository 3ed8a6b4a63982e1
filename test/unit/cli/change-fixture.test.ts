import { describe, expect, it } from "vitest";
import { freshFixture, setInBody } from "../../../shared/cli/change-fixture.ts";
import { epochMillis } from "../../../shared/host/clock.ts";
import type { Reading } from "../../../shared/model/reading.ts";
import { providers } from "../../../shared/providers/registry.ts";
import {
  connectFixtureSource,
  type Fixture,
  fixtureSourceOf,
  fixturesOf,
  requestOf,
  takenAsAuthentic,
} from "../../support/provider-fixtures.ts";
import { testClock } from "../../support/test-doubles.ts";

const NOW = epochMillis(Date.UTC(2026, 10, 29, 23, 30));

/** The request by which Confluence tries an address has nothing that could be new. */
const hasIds = ({ body }: Fixture): boolean => Buffer.from(body).toString() !== '{"test":true}';

const contentOf = ({ body, headers }: Fixture) => ({ body: JSON.parse(Buffer.from(body).toString()), headers });

describe.each(providers.map((provider) => [provider.name, provider] as const))(
  "a new webhook of %s",
  (name, provider) => {
    const clock = testClock(epochMillis(NOW + 60_000));
    const source = connectFixtureSource(provider, fixtureSourceOf(name), clock);
    const read = async ({ url }: Fixture, { body, headers }: ReturnType<typeof contentOf>): Promise<Reading> => {
      const bytes = new Uint8Array(Buffer.from(JSON.stringify(body)));
      return source.read(await takenAsAuthentic(requestOf({ url, body: bytes }, new Headers(headers), clock)));
    };
    const counters = provider.counters ?? [];

    it.each(
      fixturesOf(name)
        .filter(hasIds)
        .map((fixture) => [fixture.name, fixture] as const),
    )(`a new ${name} %s is another delivery of another event of the same type each time`, async (_, fixture) => {
      const recorded = contentOf(fixture);
      const [first, second] = [NOW, epochMillis(NOW + 1_000)].map((now) => freshFixture(recorded, { now, counters }));
      if (first === undefined || second === undefined) throw new Error("two moments give two webhooks");
      const readings = [await read(fixture, recorded), await read(fixture, first), await read(fixture, second)];
      expect(new Set(readings.map(({ outcome }) => outcome))).toEqual(new Set([fixture.expected.outcome]));
      const keys = readings.map(({ deliveryKey }, at) =>
        JSON.stringify(deliveryKey ?? [recorded, first, second][at]?.body),
      );
      expect(new Set(keys).size, keys.join("\n")).toBe(3);
      const events = readings.map((reading) => (reading.outcome === "event" ? reading.events : []));
      expect(events.map((list) => list.map(({ type }) => type))).toEqual(
        events.map(() => events[0]?.map(({ type }) => type)),
      );
      const eventKeys = events.map((list) => list.map(({ keyParts }) => JSON.stringify(keyParts)));
      expect(new Set(eventKeys.flat()).size, eventKeys.join("\n")).toBe(eventKeys.flat().length);
    });
  },
);

describe("a changed payload", () => {
  const body = { build: { branch: "main", number: 7, blocked: false, tag: null }, commits: [{ id: "a" }, { id: "b" }] };

  it.each([
    ["build.branch=release/2=3", { build: { ...body.build, branch: "release/2=3" } }],
    ["build.branch=", { build: { ...body.build, branch: "" } }],
    ["build.number=8", { build: { ...body.build, number: 8 } }],
    ["build.blocked=true", { build: { ...body.build, blocked: true } }],
    ["build.tag=v1", { build: { ...body.build, tag: "v1" } }],
    ["commits.1.id=c", { commits: [{ id: "a" }, { id: "c" }] }],
    ["commits=[]", { commits: [] }],
  ])("%s changes that value alone", (assignment, changed) => {
    expect(setInBody(body, assignment)).toEqual({ ...body, ...changed });
  });

  it.each([
    ["build.brnach=main", 'the payload has no build.brnach: there is no "brnach" here; did you mean "branch"?'],
    ["job.id=1", 'there is no "job" here; there are: build, commits'],
    ["build.branch.name=x", 'there is no "name" here; there are: none'],
    ["commits.2.id=c", 'there is no "2" here'],
    ["build.number=eight", "build.number is of the type number in the payload, like 7"],
    ["commits=c", "commits is a list in the payload"],
    ["build.__proto__=x", 'there is no "__proto__" here'],
    ["build.branch", "--set needs a path and a value"],
    ["=main", "--set needs a path and a value"],
  ])("%s is rejected, and the message says what is right", (assignment, message) => {
    expect(() => setInBody(body, assignment)).toThrow(expect.objectContaining({ code: "usage_invalid" }));
    expect(() => setInBody(body, assignment)).toThrow(message);
  });
});

describe("a new webhook", () => {
  it("the same id gets the same new one everywhere, times keep their distance and form, and people stay", () => {
    const id = "0193b7aa-0000-4000-8000-000000000005";
    const body = {
      build: { id, url: `https://ci.example.test/builds/${id}`, started_at: "2026-11-02T08:00:00Z" },
      finished_at: "2026-11-02 09:01:00.5 +0100",
      after: "a".repeat(40),
      before: "0".repeat(40),
      actor: { id },
    };
    const fresh = freshFixture(
      { body, headers: { "x-request": id, "x-name": "Push Hook" } },
      { now: NOW, counters: [] },
    );
    const text = JSON.stringify(fresh.body);
    const [, newId = ""] = /"build":\{"id":"([\da-f-]{36})"/.exec(text) ?? [];
    expect(newId).not.toBe(id);
    expect(fresh.headers).toEqual({ "x-request": newId, "x-name": "Push Hook" });
    expect(fresh.body).toEqual({
      build: { id: newId, url: `https://ci.example.test/builds/${newId}`, started_at: "2026-11-29T23:28:59Z" },
      finished_at: "2026-11-30 00:30:00.0 +0100",
      after: expect.stringMatching(/^[\da-f]{40}$/),
      before: "0".repeat(40),
      actor: { id },
    });
    expect(text).not.toContain("a".repeat(40));
  });
});
