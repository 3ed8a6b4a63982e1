import { describe, expect, it } from "vitest";
import { readDelivery } from "../../../../shared/providers/buildkite/parse.ts";
import { type Body, bodyOf as bodyOfFixture, readingBy } from "../../../support/provider-fixtures.ts";

const { read, eventOf } = readingBy(readDelivery);

/** The body of a fixture with members of its build, job or pipeline changed. */
function bodyOf(name: string, changes: Record<string, Body> = {}): Body {
  const body = bodyOfFixture("buildkite", name);
  for (const [member, changed] of Object.entries(changes)) body[member] = { ...Object(body[member]), ...changed };
  return body;
}

describe("the kind of a delivery", () => {
  it("the kind of a delivery is read from the body, and the header must agree", async () => {
    const body = bodyOf("build-finished");
    expect(await read(body)).toMatchObject({ outcome: "event" });
    expect(await read(body, { "x-buildkite-event": "build.finished" })).toMatchObject({ outcome: "event" });
    expect(await read(body, { "x-buildkite-event": "build.running" })).toMatchObject({ outcome: "unusable" });
    expect(await read({ ...body, event: "ping" }, { "x-buildkite-event": "build.finished" })).toMatchObject({
      outcome: "unusable",
    });
  });

  it("the kind of a delivery is not read from the header if the body has none, as in version 1", async () => {
    const { event: _, pipeline, ...rest } = bodyOf("build-scheduled");
    const version1 = { ...rest, project: pipeline };
    expect(await read(version1, { "x-buildkite-event": "build.scheduled" })).toMatchObject({ outcome: "unusable" });
  });

  it.each([
    "ping",
    "agent.stopped",
    "agent.blocked",
    "cluster_token.registration_blocked",
    "package.created",
    "build.new",
    "constructor",
  ])("a delivery of the kind %s is ignored by name", async (event) =>
    expect(await read({ event })).toEqual({ outcome: "ignored", kind: event }),
  );
});

describe("the idempotency key of a delivery", () => {
  it("the delivery key is the body's digest, because the signature does not cover the request's id", async () => {
    for (const id of ["request-1", "request-2"]) {
      expect(await read(bodyOf("build-running"), { "x-buildkite-request": id })).not.toHaveProperty("deliveryKey");
    }
  });
});

describe("a build that is reported as finished", () => {
  it.each([
    ["passed", false, "build.succeeded"],
    ["passed", null, "build.succeeded"],
    ["passed", true, "build.waiting"],
    ["failed", true, "build.waiting"],
    ["running", true, "build.waiting"],
    ["blocked", false, "build.waiting"],
    ["failed", false, "build.failed"],
    ["failing", false, "build.failed"],
    ["canceled", false, "build.cancelled"],
    ["canceled", true, "build.cancelled"],
    ["canceling", true, "build.cancelled"],
    ["skipped", true, "build.skipped"],
    ["skipped", false, "build.skipped"],
    ["not_run", false, "build.skipped"],
  ])("a finished build in state %s, blocked %s, is %s", async (state, blocked, type) => {
    const event = await eventOf(bodyOf("build-finished", { build: { state, blocked } }));
    expect(event.type).toBe(type);
    expect("finishedAt" in Object(event).build).toBe(type !== "build.waiting");
  });

  it.each(["running", "scheduled", "something_new"])(
    "a finished build that shows state %s by now is ignored",
    async (state) =>
      expect(await read(bodyOf("build-finished", { build: { state } }))).toMatchObject({ outcome: "ignored" }),
  );
});

describe("a build's event key", () => {
  const keyOf = async (...args: Parameters<typeof bodyOf>) => (await eventOf(bodyOf(...args))).keyParts;

  it("the event key differs each time the build finishes", async () => {
    const first = await keyOf("build-finished-blocked");
    expect(await keyOf("build-finished")).not.toEqual(first);
    expect(await keyOf("build-finished-blocked", { build: { finished_at: "2026-11-02T08:59:00Z" } })).not.toEqual(
      first,
    );
  });

  it("the event key differs between running and failing", async () => {
    const state = { build: { state: "running" } };
    expect(await keyOf("build-failing", state)).not.toEqual(await keyOf("build-running", state));
  });

  it("a build that runs again after a stop is another event, once for each stop, whoever reports it", async () => {
    const stopped = { state: "running", finished_at: "2026-11-02T08:56:20.000Z" };
    const again = await keyOf("build-running", { build: stopped });
    expect(again).not.toEqual(await keyOf("build-running"));
    expect(await keyOf("build-running", { build: { ...stopped, finished_at: "2026-11-02T09:30:00Z" } })).not.toEqual(
      again,
    );
    const unblocked = await read(bodyOf("job-activated"));
    expect(unblocked).toMatchObject({
      events: [{ type: "approval.granted" }, { type: "build.running", keyParts: again }],
    });
  });

  it("a late report of the first start does not count as a new one, although the build has stopped since", async () => {
    const since = { state: "passed", blocked: true, finished_at: "2026-11-02T08:56:20.000Z" };
    const late = await eventOf(bodyOf("build-running", { build: since }));
    const first = await eventOf(bodyOf("build-running"));
    expect(late.time).toBe(first.time);
    expect(Object(late).build.round).toBe(Object(first).build.round);
  });

  it("the event key does not depend on how a time is spelled", async () => {
    const iso = await keyOf("build-finished", { build: { finished_at: "2026-11-02T08:57:45.000Z" } });
    expect(await keyOf("build-finished", { build: { finished_at: "2026-11-02 08:57:45 UTC" } })).toEqual(iso);
  });
});

describe("a build", () => {
  it("a build without a known commit has no commit", async () => {
    expect(Object(await eventOf(bodyOf("build-scheduled"))).build).not.toHaveProperty("commit");
  });

  it("a build names its organization from either address, and is valid without one", async () => {
    const nameWith = async (build: unknown, pipeline: unknown) =>
      Object(await eventOf(bodyOf("build-running", { build: { url: build }, pipeline: { url: pipeline } }))).build
        .pipeline;
    const address = "https://api.buildkite.com/v2/organizations/harbour-works/pipelines/docs-site";
    expect(await nameWith(`${address}/builds/1`, null)).toBe("harbour-works/docs-site");
    expect(await nameWith(null, address)).toBe("harbour-works/docs-site");
    expect(await nameWith(null, null)).toBe("docs-site");
  });

  it("a build keeps the id of its pipeline if somebody renames the pipeline", async () => {
    const renamed = Object(
      await eventOf(bodyOf("build-running", { pipeline: { slug: "handbook", name: "Handbook" } })),
    );
    const { pipeline, pipelineId } = Object(await eventOf(bodyOf("build-running"))).build;
    expect(renamed.build).toMatchObject({ pipeline: "harbour-works/handbook", pipelineId });
    expect(pipeline).not.toBe(renamed.build.pipeline);
  });

  it("a build names the build that it repeats and the build that triggered it", async () => {
    expect(Object(await eventOf(bodyOf("build-rebuilt"))).build).toHaveProperty("rebuiltFrom.number", 418);
    const { build } = Object(await eventOf(bodyOf("build-triggered")));
    expect(build.parent).toEqual({
      id: "0193b7a9-5555-4333-8444-000000000001",
      number: 96,
      pipeline: "harbour-works/harbour-release",
    });
    for (const empty of [null, {}, { build_id: 5 }, "a build"]) {
      const alone = await eventOf(bodyOf("build-triggered", { build: { triggered_from: empty, rebuilt_from: empty } }));
      expect(Object(alone).build).not.toHaveProperty("parent");
      expect(Object(alone).build).not.toHaveProperty("rebuiltFrom");
    }
  });

  it.each([
    ["canceled", "Superseded by a newer build", "Superseded by a newer build"],
    ["canceled", null, undefined],
    ["passed", "Superseded by a newer build", undefined],
  ])("a build that ends as %s with the cancel reason %s has the reason %s", async (state, cancel_reason, reason) => {
    const { build } = Object(await eventOf(bodyOf("build-finished", { build: { state, cancel_reason } })));
    expect(build.reason).toBe(reason);
  });

  it("a member of another kind than documented is left out, and the rest of the event is read", async () => {
    const odd = { message: 5, commit: [], branch: 7, tag: {}, source: 1, web_url: 3, cancel_reason: 1, author: "Ines" };
    const times = { scheduled_at: 1, failing_at: {} };
    const event = await eventOf(
      bodyOf("build-finished", { build: { ...odd, ...times }, pipeline: { id: 1, default_branch: 2, repository: 3 } }),
    );
    const build = Object(event).build;
    for (const member of ["message", "commit", "branch", "tag", "source", "url", "reason", "pipelineId"]) {
      expect(build).not.toHaveProperty(member);
    }
    expect(build).toMatchObject({ state: "succeeded", number: 418 });
  });

  it("a build that waits or has ended is unusable if the mark of a block step is of another kind", async () => {
    const body = bodyOf("build-finished", { build: { blocked: "true" } });
    expect(await read(body)).toMatchObject({ outcome: "unusable", problem: expect.stringContaining("build.blocked") });
  });

  it("a build whose tag is of another kind is for neither a tag nor a branch", async () => {
    const { build } = Object(await eventOf(bodyOf("build-of-tag", { build: { tag: ["v1.2.0"] } })));
    for (const member of ["branch", "tag"]) expect(build).not.toHaveProperty(member);
  });
});

describe("the people of a build", () => {
  const peopleOf = async (build: Body) => {
    const event = await eventOf(bodyOf("build-running", { build }));
    return { actor: event.actor, startedBy: Object(event).build.startedBy };
  };

  it("a build is not attributed to the person who made the webhook", async () => {
    expect(await peopleOf({ creator: null })).toEqual({ actor: undefined, startedBy: undefined });
  });

  it("a creator without an id is known by the name", async () => {
    const creator = { id: null, name: "Dependabot", email: "bot@example.com" };
    expect(await peopleOf({ creator })).toEqual({
      actor: { id: "Dependabot", name: "Dependabot" },
      startedBy: "Dependabot",
    });
  });

  it("a name in the form of an id does not pass for the id of somebody else", async () => {
    const name = "0191aaaa-1111-4222-8333-000000000001";
    expect((await peopleOf({ creator: { name } })).actor).toBeUndefined();
  });

  it.each([
    ["the creator's name", { creator: { id: "u-1", name: "Ines" }, author: { name: "Mira" } }, "Ines"],
    ["the author's name without a creator", { creator: null, author: { name: "Mira", username: "mira" } }, "Mira"],
    ["the author's user name without a name", { creator: { id: null }, author: { username: "mira" } }, "mira"],
    ["nobody if the author is an e-mail address", { creator: null, author: { name: "mira@example.com" } }, undefined],
  ])("a build is started by %s", async (_, build, startedBy) => {
    expect((await peopleOf(build)).startedBy).toBe(startedBy);
  });

  it("the author of a commit is not the actor", async () => {
    expect((await peopleOf({ creator: null, author: { username: "mira" } })).actor).toBeUndefined();
  });
});

describe("a job that starts", () => {
  const ended = { state: "running", finished_at: "2026-11-02T08:56:20.000Z" };

  it.each([
    ["retried by a person", { retry_type: "manual", retries_count: 1 }, {}, true],
    ["retried after the build's end", { retries_count: 1 }, ended, true],
    ["retried before the build's end", { retry_type: "automatic", retries_count: 1 }, {}, false],
    ["that is no retry", {}, ended, false],
  ])("a job %s lets its build run again: %s", async (_, retry, build, continues) => {
    const reading = await read(bodyOf("job-started", { job: { state: "running", ...retry }, build }));
    const types = reading.outcome === "event" ? reading.events.map(({ type }) => type) : [];
    expect(types).toEqual(continues ? ["job.running", "build.running"] : ["job.running"]);
  });
});

describe("a job that is reported as finished", () => {
  it.each([
    ["passed", "job.succeeded"],
    ["failed", "job.failed"],
    ["waiting_failed", "job.failed"],
    ["canceled", "job.cancelled"],
    ["timed_out", "job.timed_out"],
    ["expired", "job.timed_out"],
    ["skipped", "job.skipped"],
    ["broken", "job.skipped"],
  ])("a finished job in state %s is %s", async (state, type) =>
    expect((await eventOf(bodyOf("job-finished", { job: { state } }))).type).toBe(type),
  );

  it.each([
    ["a wait step", { type: "waiter", state: "passed" }],
    ["a block step", { type: "manual", state: "unblocked" }],
    ["a job in a state that is not an end", { state: "running" }],
  ])("%s is ignored", async (_, job) =>
    expect(await read(bodyOf("job-finished", { job }))).toMatchObject({ outcome: "ignored" }),
  );

  it.each([
    ["an exit status", { exit_status: 2 }, { reason: "exit status 2", exitCode: 2 }],
    ["a lost agent", { exit_status: -1 }, { reason: "agent_lost", exitCode: -1 }],
    ["a stopped agent", { exit_status: -1, signal_reason: "agent_stop" }, { reason: "agent_stop", exitCode: -1 }],
    [
      "a signal",
      { exit_status: -1, signal: "SIGKILL", signal_reason: "none" },
      { reason: "signal SIGKILL", exitCode: -1 },
    ],
    ["a refused start", { exit_status: null, signal_reason: "agent_refused" }, { reason: "agent_refused" }],
    ["a cancellation", { state: "canceled", exit_status: -1 }, { reason: undefined, exitCode: -1 }],
    ["no agent in time", { state: "expired", exit_status: null }, { reason: "expired", exitCode: undefined }],
    ["a condition", { state: "broken", broken_reason: "conditional_failed" }, { reason: "conditional_failed" }],
    ["success", { state: "passed", exit_status: 0, signal_reason: "none" }, { reason: undefined, exitCode: 0 }],
  ])("a job that ended by %s says so", async (_, job, expected) => {
    const ended = { state: "failed", exit_status: null, ...job };
    const { reason, exitCode } = Object(await eventOf(bodyOf("job-finished", { job: ended }))).job;
    expect({ reason, exitCode }).toEqual(expected);
  });

  it("a job that runs again instead names the job that replaces it, and its key stays the same", async () => {
    const event = await eventOf(bodyOf("job-agent-lost"));
    expect(Object(event).job).toMatchObject({ retried: true, supersededBy: "0193b7a9-3333-4333-8444-000000000017" });
    const before = await eventOf(bodyOf("job-agent-lost", { job: { retried: false, retried_in_job_id: null } }));
    expect(Object(before).job).not.toHaveProperty("retried");
    expect(before.keyParts).toEqual(event.keyParts);
  });

  it("a job has a bounded number of tags, and only those that are text", async () => {
    const rules = [5, null, ...Array.from({ length: 30 }, (_, at) => `tag${at}=yes`)];
    const { job } = Object(await eventOf(bodyOf("job-finished", { job: { agent_query_rules: rules } })));
    expect(job.tags).toHaveLength(20);
    expect(job.tags[0]).toBe("tag0=yes");
  });

  it("a job is soft-failed only if it failed", async () => {
    const passed = await eventOf(bodyOf("job-finished", { job: { state: "passed", soft_failed: true } }));
    expect(Object(passed).job).not.toHaveProperty("softFailed");
  });
});

it("an approval is read although the person who gave it has no id", async () => {
  const { actor } = await eventOf(
    bodyOf("job-activated", { job: { unblocked_by: { id: null, name: "Tomas Brandt" } } }),
  );
  expect(actor).toEqual({ id: "Tomas Brandt", name: "Tomas Brandt" });
});

describe("a lost agent", () => {
  it("a lost agent is read without its host, and without the person who made its token", async () => {
    const { type, subject, actor, ...event } = await eventOf(bodyOf("agent-lost"));
    expect({ type, subject, actor }).toEqual({ type: "agent.lost", subject: "agent-7", actor: undefined });
    expect(JSON.stringify(event)).not.toContain("192.0.2.17");
  });

  it("a webhook about a lost agent has no instant, so the agent can be lost again", async () => {
    expect(await eventOf(bodyOf("agent-lost"))).toHaveProperty("undated", true);
  });

  it("two agents with one name are two", async () => {
    const other = await eventOf(bodyOf("agent-lost", { agent: { id: "another" } }));
    expect(other.keyParts).not.toEqual((await eventOf(bodyOf("agent-lost"))).keyParts);
  });
});

it("an approval is read with the person who gave it", async () => {
  const { type, actor, keyParts } = await eventOf(bodyOf("job-activated"));
  expect({ type, actor: actor?.name }).toEqual({ type: "approval.granted", actor: "Tomas Brandt" });
  const again = await eventOf(bodyOf("job-activated", { job: { id: "another-step" } }));
  expect(again.keyParts).not.toEqual(keyParts);
});
