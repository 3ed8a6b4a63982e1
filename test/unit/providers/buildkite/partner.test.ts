import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { buildOrder } from "../../../../shared/model/build-order.ts";
import type { BuildPart } from "../../../../shared/model/event.ts";
import type { Reading } from "../../../../shared/model/reading.ts";
import { buildkite } from "../../../../shared/providers/buildkite/index.ts";
import { readPartnerEvent } from "../../../../shared/providers/buildkite/partner.ts";
import { partnerSources } from "../../../../shared/providers/buildkite/partner-source.ts";
import { connectFixtureSource, requestOf, takenAsAuthentic } from "../../../support/provider-fixtures.ts";

const SOURCE = "aws.partner/buildkite.com/harbour-works/0a1b-2c3d";
const url = new URL("eventbridge:partner");

const BUILD = {
  uuid: "0193b7a9-2222-4333-8444-000000000003",
  number: 418,
  commit: "c4a1e7d20f9b8364517a2c6d8e0f1b3a5c7d9e2f",
  message: "Link the drill from its page\n\nIt was hard to find",
  branch: "main",
  source: "schedule",
  started_at: "2026-11-02 08:53:06 UTC",
  finished_at: null,
};
const JOB = {
  uuid: "0193b7a9-2222-4333-8444-00000000000b",
  type: "script",
  label: "Render",
  command: "canary-command",
  passed: false,
  soft_failed: false,
  started_at: "2026-11-02 08:53:10 UTC",
  finished_at: "2026-11-02 08:57:40 UTC",
};

const partnerEvent = (type: string, build: object, job?: object) => ({
  id: "5d0e7c1a-0000-4000-8000-000000000001",
  "detail-type": type,
  source: SOURCE,
  time: "2026-11-02T08:57:46Z",
  detail: {
    version: 1,
    build: { ...BUILD, ...build },
    ...(job && { job: { ...JOB, ...job } }),
    pipeline: { uuid: "p-1", slug: "docs-site", repo: "git@gitlab.example.com:platform/docs.git" },
    organization: { uuid: "o-1", slug: "harbour-works" },
  },
});

const readText = async (text: string): Promise<Reading> =>
  readPartnerEvent(await takenAsAuthentic(requestOf({ url, body: Buffer.from(text) }, new Headers())));
const read = (type: string, build: object, job?: object) => readText(JSON.stringify(partnerEvent(type, build, job)));

async function buildOf(type: string, build: object): Promise<BuildPart> {
  const reading = await read(type, build);
  if (reading.outcome !== "event" || !("build" in reading.events[0])) throw new Error(JSON.stringify(reading));
  return reading.events[0].build;
}

const ENDED = { finished_at: "2026-11-02 08:57:45 UTC" };

describe("a partner event about a build", () => {
  it.each([
    ["Build Created", { state: "scheduled", started_at: null }, "build.queued"],
    ["Build Started", { state: "started" }, "build.running"],
    ["Build Failing", { state: "failing" }, "build.running"],
    ["Build Finished", { state: "passed", ...ENDED }, "build.succeeded"],
    ["Build Finished", { state: "failed", ...ENDED }, "build.failed"],
    ["Build Finished", { state: "canceled", ...ENDED }, "build.cancelled"],
    ["Build Finished", { state: "blocked", ...ENDED }, "build.waiting"],
    ["Build Blocked", { state: "passed", ...ENDED }, "build.waiting"],
  ])("the partner event %s with %j is %s", async (type, build, expected) => {
    expect(await read(type, build)).toMatchObject({ outcome: "event", events: [{ type: expected }] });
  });

  it("a partner event reports what a webhook would, and its addresses are derived", async () => {
    expect(await buildOf("Build Finished", { state: "passed", ...ENDED })).toEqual({
      system: "buildkite",
      id: BUILD.uuid,
      number: 418,
      pipeline: "harbour-works/docs-site",
      pipelineId: "p-1",
      state: "succeeded",
      round: "2026-11-02T08:57:45.000Z.0",
      url: "https://buildkite.com/harbour-works/docs-site/builds/418",
      commit: BUILD.commit,
      title: "Link the drill from its page",
      message: BUILD.message,
      branch: "main",
      source: "schedule",
      createdAt: "2026-11-02T08:53:06.000Z",
      startedAt: "2026-11-02T08:53:06.000Z",
      finishedAt: "2026-11-02T08:57:45.000Z",
    });
  });

  it("each state of a build comes after the one before", async () => {
    const orders = [
      await buildOf("Build Created", { state: "scheduled", started_at: "2026-11-02 08:53:06 UTC" }),
      await buildOf("Build Started", { state: "started" }),
      await buildOf("Build Finished", { state: "passed", ...ENDED }),
    ].map(buildOrder);
    expect(orders.toSorted()).toEqual(orders);
    expect(new Set(orders).size).toBe(3);
  });

  it("a build that is reported as blocked and as finished is one event", async () => {
    const events = await Promise.all(
      ["Build Blocked", "Build Finished"].map((type) => read(type, { state: "blocked", ...ENDED })),
    );
    const [one, other] = events.map((reading) => (reading.outcome === "event" ? reading.events[0].keyParts : []));
    expect(one).toEqual(other);
    expect(one).not.toEqual([]);
  });
});

describe("a partner event about a job", () => {
  it.each([
    ["Job Scheduled", { state: "assigned", finished_at: null }, "job.queued"],
    ["Job Started", { state: "started", finished_at: null }, "job.running"],
    ["Job Finished", { state: "finished", passed: true }, "job.succeeded"],
    ["Job Finished", { state: "finished", passed: false }, "job.failed"],
    ["Job Finished", { state: "timed_out" }, "job.timed_out"],
    ["Job Finished", { state: "canceled" }, "job.cancelled"],
  ])("the partner event %s with %j is %s", async (type, job, expected) => {
    const reading = await read(type, { state: "started" }, job);
    expect(reading).toMatchObject({ outcome: "event", events: [{ type: expected, job: { id: JOB.uuid } }] });
    expect(JSON.stringify(reading)).not.toContain("canary");
  });

  it("the partner event about an unblocked step names the person who unblocked it", async () => {
    const job = { type: "manual", state: "unblocked", unblocked_by: { uuid: "u-1", name: "Ines Okafor" } };
    expect(await read("Job Activated", { state: "blocked" }, job)).toMatchObject({
      outcome: "event",
      events: [
        { type: "approval.granted", actor: { id: "u-1", name: "Ines Okafor" }, time: "2026-11-02T08:57:46.000Z" },
        { type: "build.running", time: "2026-11-02T08:57:46.000Z" },
      ],
    });
  });
});

it("a partner event about a failed job has the reason, the agent and the job that runs instead", async () => {
  const event = partnerEvent(
    "Job Finished",
    { state: "started" },
    { state: "finished", exit_status: -1, retried_in_job_id: "j-2", agent_query_rules: ["queue=default"] },
  );
  const text = JSON.stringify({ ...event, detail: { ...event.detail, agent: { uuid: "a-7" } } });
  expect(await readText(text)).toMatchObject({
    events: [
      {
        type: "job.failed",
        job: {
          reason: "agent_lost",
          exitCode: -1,
          retried: true,
          supersededBy: "j-2",
          runner: "a-7",
          tags: ["queue=default"],
          branch: "main",
          source: "schedule",
        },
      },
    ],
  });
});

describe("a partner event about a lost agent", () => {
  const lost = (agent: object) => {
    const { organization } = partnerEvent("Agent Lost", {}).detail;
    return readText(
      JSON.stringify({ ...partnerEvent("Agent Lost", {}), detail: { version: 1, agent, organization, token: {} } }),
    );
  };
  const AGENT = { uuid: "a-7", name: "agent-7", meta_data: ["queue=default"], ip_address: "192.0.2.17" };

  it("a lost agent has the time of its loss, which distinguishes two losses", async () => {
    const reading = await lost({ ...AGENT, lost_at: "2026-11-02 08:54:40 UTC" });
    expect(reading).toMatchObject({
      events: [
        {
          type: "agent.lost",
          keyParts: ["agent.lost", "a-7", "2026-11-02T08:54:40.000Z"],
          time: "2026-11-02T08:54:40.000Z",
          agent: {
            system: "buildkite",
            id: "a-7",
            name: "agent-7",
            tags: ["queue=default"],
            url: "https://buildkite.com/organizations/harbour-works/agents/a-7",
          },
        },
      ],
    });
    expect(JSON.stringify(reading)).not.toContain("192.0.2.17");
    expect(reading).not.toHaveProperty("events.0.undated");
  });

  it("an event about a lost agent that has no agent is unusable", async () => {
    expect((await readText(JSON.stringify(partnerEvent("Agent Lost", {})))).outcome).toBe("unusable");
  });
});

describe("any partner event", () => {
  it("the delivery key of a partner event is EventBridge's id", async () => {
    const { deliveryKey } = await read("Build Started", { state: "started" });
    expect(deliveryKey).toEqual(["eventbridge-partner", "5d0e7c1a-0000-4000-8000-000000000001"]);
  });

  it("a partner event of an unknown kind is ignored by name", async () => {
    expect(await read("Agent Stopped", { state: "started" })).toMatchObject({
      outcome: "ignored",
      kind: "Agent Stopped",
    });
  });

  it.each([
    ["text that is not JSON", "Build Started"],
    ["no build", JSON.stringify(partnerEvent("Build Started", {})).replace('"build":', '"other":')],
    ["no detail", JSON.stringify({ id: "1", time: "", "detail-type": "Build Started" })],
    [
      "a slug that would lead elsewhere",
      JSON.stringify(partnerEvent("Build Started", {})).replace("docs-site", "../x"),
    ],
  ])("a partner event with %s is unusable", async (_, text) => {
    expect((await readText(text)).outcome).toBe("unusable");
  });

  it("any partner event is read without an error", async () => {
    const part = fc.anything({ maxDepth: 2 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom("Build Finished", "Job Finished"), part, part, async (type, build, job) => {
        const event = partnerEvent(type, { state: "passed" }, {});
        const detail = { ...event.detail, build: { ...event.detail.build, ...Object(build) }, job };
        const text = JSON.stringify({ ...event, detail }, (_, value) => (typeof value === "bigint" ? 1 : value));
        expect(["event", "ignored", "unusable"]).toContain((await readText(text)).outcome);
      }),
    );
  });
});

describe("a source of partner events", () => {
  it.each([{}, { "x-buildkite-token": "t" }, { "x-buildkite-signature": `timestamp=1,signature=${"a".repeat(64)}` }])(
    "a source of partner events accepts no webhook: %j",
    async (headers) => {
      const source = connectFixtureSource(buildkite, { settings: { partnerEvents: SOURCE }, environment: {} });
      const answer = await source.authenticate(requestOf({ url, body: Buffer.from("{}") }, new Headers(headers)));
      expect(answer.ok).toBe(false);
    },
  );

  it.each([
    ["partner events and a token at once", { partnerEvents: SOURCE, token: { current: "ssm:/t" } }],
    ["an event source of someone else", { partnerEvents: "aws.partner/example.com/harbour-works/1" }],
    ["neither partner events nor a token", {}],
  ])("a source of partner events cannot be configured with %s", (_, settings) => {
    expect(v.safeParse(buildkite.settings, settings).success).toBe(false);
  });
});

describe("a source of partner events that lists what it accepts", () => {
  it.each([
    [{}, "event"],
    [{ organization: "harbour-works" }, "event"],
    [{ organization: "harbour-works", pipelines: ["docs-*"] }, "event"],
    [{ organization: "harbour-works", pipelines: ["docs"] }, "ignored"],
    [{ organization: "harbour", pipelines: ["docs-site"] }, "ignored"],
  ])("with the settings %j the event is read as %s", async (settings, outcome) => {
    const configured = {
      name: "hosted",
      provider: "buildkite",
      roles: [],
      settings: { partnerEvents: SOURCE, ...settings },
    };
    const source = partnerSources([configured]).get(SOURCE);
    const body = Buffer.from(JSON.stringify(partnerEvent("Build Finished", { ...ENDED, state: "passed" })));
    const reading = source?.read(await takenAsAuthentic(requestOf({ url, body }, new Headers())));
    expect(reading).toMatchObject({ outcome, deliveryKey: ["eventbridge-partner", expect.any(String)] });
  });
});
