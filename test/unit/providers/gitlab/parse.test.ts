import { describe, expect, it } from "vitest";
import { deliveryIdOf, eventKeyOf } from "../../../../shared/model/idempotency-keys.ts";
import { readDelivery } from "../../../../shared/providers/gitlab/parse.ts";
import { type Body, bodyOf as bodyOfFixture, readingBy } from "../../../support/provider-fixtures.ts";

const { read, eventOf } = readingBy(readDelivery);

const keyOf = async (body: Body) => {
  const { type, keyParts } = await eventOf(body);
  return eventKeyOf("code", type, keyParts);
};

const bodyOf = (name: string): Body => bodyOfFixture("gitlab", name);

const withAttributes = (name: string, attributes: Body): Body => {
  const body = bodyOf(name);
  return { ...body, object_attributes: { ...Object(body["object_attributes"]), ...attributes } };
};

describe("the kind of a delivery", () => {
  it.each([
    ["Push Hook", "event"],
    ["System Hook", "event"],
    ["Service Hook", "event"],
    ["Tag Push Hook", "unusable"],
    ["Merge Request Hook", "unusable"],
    ["Emoji Hook", "unusable"],
    ["push hook", "unusable"],
  ])("the outcome of a push announced as %s is %s", async (header, outcome) => {
    expect((await read(bodyOf("push"), { "x-gitlab-event": header })).outcome).toBe(outcome);
  });

  it.each([
    ["issue", "Issue Hook", "ignored"],
    ["issue", "Confidential Issue Hook", "ignored"],
    ["work_item", "Issue Hook", "ignored"],
    ["something_new", "Something New Hook", "ignored"],
    ["issue", "Push Hook", "unusable"],
    ["constructor", "System Hook", "ignored"],
    ["__proto__", "System Hook", "ignored"],
  ])("the outcome of %s announced as %s is %s", async (kind, header, outcome) => {
    expect(await read({ object_kind: kind }, { "x-gitlab-event": header })).toMatchObject({ outcome });
  });

  it("the kind is read from the header if a custom template leaves it out, and the body must still fit", async () => {
    const { object_kind: _, event_name: __, ...rest } = bodyOf("push");
    expect(await read(rest, { "x-gitlab-event": "Push Hook" })).toMatchObject({ events: [{ type: "code.pushed" }] });
    expect(await read({ text: "hello" }, { "x-gitlab-event": "Push Hook" })).toMatchObject({ outcome: "unusable" });
    expect(await read({ text: "hello" }, { "x-gitlab-event": "Wiki Page Hook" })).toMatchObject({ outcome: "ignored" });
    expect(await read({ text: "hello" })).toMatchObject({ outcome: "unusable" });
  });

  it("the kind of a delivery must be a text", async () =>
    expect(await read({ object_kind: 1 })).toMatchObject({ outcome: "unusable" }));
});

describe("the idempotency key of a delivery", () => {
  const ids = (id: string) => ({ "webhook-id": id, "idempotency-key": id });
  const keyOfDelivery = async (headers: Record<string, string>, body: Body = bodyOf("push")) =>
    (await read(body, headers)).deliveryKey;

  it("the delivery key is the same for a resend, whatever the other headers of the attempt", async () => {
    const first = {
      ...ids("id-1"),
      "x-gitlab-event-uuid": "a",
      "x-gitlab-webhook-uuid": "b",
      "webhook-timestamp": "1",
    };
    const again = {
      ...ids("id-1"),
      "x-gitlab-event-uuid": "c",
      "x-gitlab-webhook-uuid": "d",
      "webhook-timestamp": "2",
    };
    expect(await keyOfDelivery(first)).toEqual(await keyOfDelivery(again));
  });

  it("the delivery key is the same by either of GitLab's two ids", async () => {
    expect(await keyOfDelivery({ "webhook-id": "id-1" })).toEqual(await keyOfDelivery({ "idempotency-key": "id-1" }));
  });

  it("one id with another body gives another delivery key", async () => {
    expect(await keyOfDelivery(ids("id-1"), { object_kind: "push" })).not.toEqual(await keyOfDelivery(ids("id-1")));
  });

  it("the delivery key is the body's digest if there is no id, and never a constant", async () => {
    expect(await keyOfDelivery({})).toBeUndefined();
    expect(await keyOfDelivery({ "webhook-id": "" })).toBeUndefined();
    const uuids = { "x-gitlab-event-uuid": "a", "x-gitlab-webhook-uuid": "b" };
    expect(await keyOfDelivery(uuids)).toBeUndefined();
  });

  it("two hooks' deliveries of one event have different delivery keys and the same event key", async () => {
    const [project, group] = [await keyOfDelivery(ids("id-1")), await keyOfDelivery(ids("id-2"))];
    expect(deliveryIdOf("code", project ?? [])).not.toBe(deliveryIdOf("code", group ?? []));
    expect(await keyOf(bodyOf("push"))).toBe(await keyOf(bodyOf("push")));
  });
});

describe("a push", () => {
  const zeros = "0".repeat(40);

  it("a push by a system hook is the same event as by a project hook", async () => {
    const { object_kind: _, project, ...rest } = bodyOf("push");
    const { id: __, ...systemProject } = Object(project);
    expect(await keyOf({ ...rest, project: systemProject })).toBe(await keyOf(bodyOf("push")));
  });

  it.each([
    [{ before: zeros }, "created"],
    [{ after: zeros, checkout_sha: null }, "deleted"],
    [{}, "updated"],
  ])("a push with %j has the change %s", async (changes, change) => {
    const event = await eventOf({ ...bodyOf("push"), ...changes });
    expect(event).toMatchObject({ code: { change } });
    expect("commit" in Object(event).code).toBe(change !== "deleted");
  });

  it("a push shows the newest twenty commits, and counts all", async () => {
    const commits = Array.from({ length: 30 }, (_, n) => ({ id: `commit-${n}`, message: `message ${n}`, url: null }));
    const event = await eventOf({ ...bodyOf("push"), commits, total_commits_count: 4_000 });
    const { code } = Object(event);
    expect(code.commits.map(({ id }: { id: string }) => id)).toEqual(commits.slice(10).map(({ id }) => id));
    expect(code.commitCount).toBe(4_000);
  });
});

describe("a merge request", () => {
  it.each([
    ["open", "change.opened"],
    ["reopen", "change.opened"],
    ["update", "change.updated"],
    ["approval", "change.approved"],
    ["approved", "change.approved"],
    ["unapproval", "change.updated"],
    ["unapproved", "change.updated"],
    ["merge", "change.merged"],
    ["close", "change.closed"],
  ])("the merge request action %s is %s", async (action, type) => {
    expect((await eventOf(withAttributes("merge-request", { action }))).type).toBe(type);
  });

  it.each([undefined, null, "marked_as_ready"])("a merge request with action %s is ignored", async (action) => {
    expect(await read(withAttributes("merge-request", { action }))).toMatchObject({ outcome: "ignored" });
  });

  it("a merge request with a later `updated_at` alone is another event", async () => {
    const later = { updated_at: "2026-11-02 09:30:00 UTC", actioned_at: undefined };
    const earlier = { updated_at: "2026-11-02 09:29:59 UTC", actioned_at: undefined };
    expect(await keyOf(withAttributes("merge-request", later))).not.toBe(
      await keyOf(withAttributes("merge-request", earlier)),
    );
  });
});

describe("a comment", () => {
  it.each([
    ["by the system", { system: true }],
    ["for members only", { internal: true }],
    ["on a commit", { noteable_type: "Commit" }],
  ])("a comment %s is ignored", async (_, attributes) => {
    expect(await read(withAttributes("note", attributes))).toMatchObject({ outcome: "ignored" });
  });

  it("an edited comment is another event", async () => {
    const edited = withAttributes("note", { action: "update", updated_at: "2026-11-02 09:06:00 UTC" });
    expect(await keyOf(edited)).not.toBe(await keyOf(bodyOf("note")));
  });
});

describe("a run", () => {
  const statuses: [string, string | undefined][] = [
    ["created", "queued"],
    ["waiting_for_resource", "queued"],
    ["preparing", "queued"],
    ["pending", "queued"],
    ["scheduled", "queued"],
    ["running", "running"],
    ["canceling", "running"],
    ["manual", "waiting"],
    ["success", "succeeded"],
    ["failed", "failed"],
    ["canceled", "cancelled"],
    ["skipped", "skipped"],
    ["a_new_status", undefined],
  ];

  it.each(statuses)(
    "the state of a run of status %s is %s, as pipeline, as job and as deployment",
    async (status, state) => {
      const readings = [
        await read(withAttributes("pipeline", { status })),
        await read({ ...bodyOf("job"), build_status: status }),
        await read({ ...bodyOf("deployment"), status }),
      ];
      const types = readings.map((reading) => reading.outcome === "event" && reading.events[0].type);
      expect(types).toEqual(
        ["build", "job", "deployment"].map((family) => state !== undefined && `${family}.${state}`),
      );
    },
  );

  it("a run that goes on has no end, whatever its last end was", async () => {
    const event = await eventOf(withAttributes("pipeline", { status: "running" }));
    expect(Object(event).build).not.toHaveProperty("finishedAt");
  });

  it("a run started again by a retry is another event, because it has a newer job", async () => {
    const retried = bodyOf("pipeline-running");
    const again = { ...retried, builds: [...[retried["builds"]].flat(), { id: 990_000 }] };
    expect(await keyOf(again)).not.toBe(await keyOf(retried));
  });

  it("a child pipeline in its parent's project has another name", async () => {
    const event = await eventOf(withAttributes("pipeline", { source: "parent_pipeline" }));
    expect(event).toMatchObject({ build: { pipeline: "platform/docs (child)" } });
  });

  it("a run of a tag has no branch", async () => {
    const event = await eventOf(withAttributes("pipeline", { tag: true, ref: "v1" }));
    expect(Object(event).build).not.toHaveProperty("branch");
  });

  it("a run of outside commit statuses is ignored, or the bridge would answer itself", async () => {
    expect(await read(withAttributes("pipeline", { source: "external" }))).toMatchObject({ outcome: "ignored" });
    expect(await read({ ...bodyOf("job"), build_stage: "external" })).toMatchObject({ outcome: "ignored" });
  });

  it("a run of a server that reports no project path keeps the reported name", async () => {
    const { project: _, ...old } = bodyOf("job");
    expect(await eventOf(old)).toMatchObject({ job: { pipeline: "Platform / docs" } });
  });
});

describe("a release", () => {
  it.each(["update", "delete"])("the release action %s is ignored", async (action) => {
    expect(await read({ ...bodyOf("release"), action })).toMatchObject({
      outcome: "ignored",
      kind: `release.${action}`,
    });
  });
});

describe("the event key and the round of a pipeline", () => {
  const CREATED = { id: 880_011, status: "created", manual: false, started_at: null };
  const STARTED = { ...CREATED, status: "running", started_at: "2026-11-02 08:53:04 UTC" };
  const PASSED = { ...STARTED, status: "success" };
  const GATE = { id: 880_012, status: "manual", manual: true, started_at: null };
  const END = "2026-11-02 09:05:00 UTC";

  async function reported(status: string, builds: readonly object[], finished_at: string | null = null) {
    const body = withAttributes("pipeline-running", { status, finished_at });
    const { type, keyParts, ...event } = await eventOf({ ...body, builds });
    if (!("build" in event)) throw new Error("it is a build");
    return { key: eventKeyOf("code", type, keyParts), round: event.build.round ?? "" };
  }

  it("a pipeline that goes on after a manual job is queued and runs anew", async () => {
    const first = [
      await reported("pending", [
        { ...CREATED, status: "pending" },
        { ...GATE, status: "created" },
      ]),
      await reported("running", [STARTED, { ...GATE, status: "created" }]),
      await reported("manual", [PASSED, GATE]),
    ];
    const played = [
      await reported("pending", [PASSED, { ...GATE, status: "pending" }]),
      await reported("running", [PASSED, { ...GATE, status: "running", started_at: "2026-11-02 10:00:00 UTC" }]),
    ];
    const all = [...first, ...played];
    expect(new Set(all.map(({ key }) => key)).size).toBe(5);
    expect(all.map(({ round }) => round)).toEqual(all.map(({ round }) => round).toSorted());
  });

  it("a server that does not mark manual jobs still reports a played job by its start", async () => {
    const { manual: _, ...unmarked } = GATE;
    const first = await reported("running", [PASSED, unmarked]);
    const again = await reported("running", [PASSED, { ...unmarked, started_at: "2026-11-02 10:00:00 UTC" }]);
    expect(again.key).not.toBe(first.key);
    expect(again.round > first.round).toBe(true);
  });

  it("a pipeline that runs again after its end is past that end, and its next end is past both", async () => {
    const end = await reported("failed", [{ ...STARTED, status: "failed" }], END);
    const retried = await reported("running", [STARTED, { id: 880_020 }], END);
    const bridged = await reported("running", [{ ...STARTED, status: "failed" }], END);
    const last = await reported("success", [{ ...STARTED, status: "failed" }], "2026-11-02 09:30:00 UTC");
    expect([end, bridged, last].map(({ round }) => round).toSorted()).toEqual([end.round, bridged.round, last.round]);
    expect(retried.round > end.round).toBe(true);
    expect(new Set([end, retried, bridged, last].map(({ key }) => key)).size).toBe(4);
  });

  it("jobs that start between two reports of one state do not make it two events", async () => {
    const one = await reported("running", [STARTED, CREATED]);
    const two = await reported("running", [STARTED, { ...STARTED, id: 880_010 }]);
    expect(two.key).toBe(one.key);
  });
});

describe("the event key of a merge request's event", () => {
  const AT = "2026-11-02 10:01:00 UTC";
  const ANN = { id: 58, name: "Ines Okafor" };
  const keyFor = (action: string, members: Body) =>
    keyOf({ ...withAttributes("merge-request-updated", { action, updated_at: AT, oldrev: null }), ...members });
  const labelled = (...titles: readonly string[]) => ({ labels: { current: titles.map((title) => ({ title })) } });

  it("two changes and two approvals within one second are four events", async () => {
    const keys = [
      await keyFor("update", { user: ANN, changes: labelled("a") }),
      await keyFor("update", { user: ANN, changes: labelled("a", "b") }),
      await keyFor("approval", { user: ANN }),
      await keyFor("approval", { user: { id: 61, name: "Tomas Brandt" } }),
    ];
    expect(new Set(keys).size).toBe(4);
  });

  it("two hooks report the same change with the same key", async () => {
    const members = { user: ANN, changes: labelled("a"), labels: [{ title: "a" }] };
    expect(await keyFor("update", members)).toBe(await keyFor("update", members));
  });

  it.each([
    ["approved", {}, true],
    ["unapproval", {}, true],
    ["approved", { actioned_at: "2026-11-02T10:01:00.412Z" }, undefined],
    ["update", {}, undefined],
  ])("the event %s with %j is undated: %s", async (action, attributes, undated) => {
    const event = await eventOf(withAttributes("merge-request-updated", { action, ...attributes }));
    expect(event.undated).toBe(undated);
  });
});

describe("the event key of a push", () => {
  it("a push is undated, and two people who move a branch alike report two events", async () => {
    expect((await eventOf(bodyOf("push"))).undated).toBe(true);
    expect(await keyOf({ ...bodyOf("push"), user_id: 61 })).not.toBe(await keyOf(bodyOf("push")));
  });
});
