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

  it.each(["ping", "agent.lost", "cluster_token.registration_blocked", "package.created", "build.new", "constructor"])(
    "a delivery of the kind %s is ignored by name",
    async (event) => expect(await read({ event })).toEqual({ outcome: "ignored", kind: event }),
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

  it("a build is not attributed to the person who made the webhook", async () => {
    const event = await eventOf(bodyOf("build-running", { build: { creator: null } }));
    expect(event.actor).toBeUndefined();
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

  it("a job is soft-failed only if it failed", async () => {
    const passed = await eventOf(bodyOf("job-finished", { job: { state: "passed", soft_failed: true } }));
    expect(Object(passed).job).not.toHaveProperty("softFailed");
  });
});

it("an approval is read with the person who gave it", async () => {
  const { type, actor, keyParts } = await eventOf(bodyOf("job-activated"));
  expect({ type, actor: actor?.name }).toEqual({ type: "approval.granted", actor: "Tomas Brandt" });
  const again = await eventOf(bodyOf("job-activated", { job: { id: "another-step" } }));
  expect(again.keyParts).not.toEqual(keyParts);
});
