import { describe, expect, it } from "vitest";
import { deliveryIdOf, eventKeyOf } from "../../../../shared/model/idempotency-keys.ts";
import { readDelivery } from "../../../../shared/providers/gitlab/parse.ts";
import { LARGE_CHARACTERS, LARGEST_EVENT_BYTES, largestPush } from "../../../support/largest-push.ts";
import { type Body, bodyOf as bodyOfFixture, readingBy } from "../../../support/provider-fixtures.ts";

const { read, eventOf } = readingBy(readDelivery);

const keyOf = async (body: Body) => {
  const { type, keyParts } = await eventOf(body);
  return eventKeyOf("code", type, keyParts);
};

const bodyOf = (name: string): Body => bodyOfFixture("gitlab", name);

/** The part of the first event that has the event's name. */
const partOf = async (part: string, body: Body) => Object(await eventOf(body))[part];

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
    ["wiki_page", "Wiki Page Hook", "ignored"],
    ["milestone", "Milestone Hook", "ignored"],
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
    ["push", { before: zeros }, "code.pushed", "created"],
    ["push", {}, "code.pushed", "updated"],
    ["push", { after: zeros, checkout_sha: null, commits: [] }, "code.deleted", "deleted"],
    ["push", { after: "0".repeat(64), checkout_sha: undefined, commits: undefined }, "code.deleted", "deleted"],
    ["tag-push", {}, "code.tagged", "created"],
    ["tag-push", { before: "a".repeat(40) }, "code.tagged", "updated"],
    ["tag-push", { before: "a".repeat(40), after: zeros, checkout_sha: null }, "code.deleted", "deleted"],
  ])("a %s with %j is %s, with the change %s", async (name, changes, type, change) => {
    const event = await eventOf({ ...bodyOf(name), ...changes });
    expect(event).toMatchObject({ type, code: { change } });
    expect("commit" in Object(event).code).toBe(change !== "deleted");
  });

  it("the commit of an annotated tag is the commit, and the message that of the tag", async () => {
    const { checkout_sha, message } = bodyOf("tag-push");
    expect(await partOf("code", bodyOf("tag-push"))).toMatchObject({ commit: checkout_sha, message });
    expect(await partOf("code", { ...bodyOf("push"), message: "A text" })).not.toHaveProperty("message");
  });

  it("a push names its sender's user name, the authors of its commits, the default branch and the protection", async () => {
    expect(await eventOf(bodyOf("push"))).toMatchObject({
      actor: { id: "58", name: "Ines Okafor", username: "iokafor" },
      code: { protected: true, defaultBranch: "main", commits: [{ author: "Ines Okafor" }, { author: "Ines Okafor" }] },
    });
  });

  it("a push shows the newest twenty commits, and counts all", async () => {
    const commits = Array.from({ length: 30 }, (_, n) => ({ id: `commit-${n}`, message: `message ${n}`, url: null }));
    const event = await eventOf({ ...bodyOf("push"), commits, total_commits_count: 4_000 });
    const { code } = Object(event);
    expect(code.commits.map(({ id }: { id: string }) => id)).toEqual(commits.slice(10).map(({ id }) => id));
    expect(code.commitCount).toBe(4_000);
  });
});

describe("the changed paths of a push", () => {
  const commit = (files: Body) => ({ id: "c4a1e7d2", message: "A commit", ...files });
  const codeOf = (commits: readonly object[], total_commits_count: unknown = commits.length) =>
    partOf("code", { ...bodyOf("push"), commits, total_commits_count });
  const pathsOf = async (commits: readonly object[], total?: unknown) => (await codeOf(commits, total)).paths;

  it("paths that several commits add, change or remove are listed once, in the sender's order", async () => {
    const commits = [
      commit({ added: ["b.md"], modified: ["a.md"], removed: [] }),
      commit({ removed: ["b.md", "c.md"] }),
    ];
    expect(await pathsOf(commits)).toMatchObject({ changed: ["b.md", "a.md", "c.md"], count: 3, truncated: false });
  });

  it("more than a hundred paths are counted and truncated", async () => {
    const added = Array.from({ length: 130 }, (_, n) => `docs/${n}.md`);
    const paths = await pathsOf([commit({ added })]);
    expect(paths).toMatchObject({ changed: added.slice(0, 100), count: 130, truncated: true });
    expect(await pathsOf([commit({ added: added.slice(0, 100) })])).toMatchObject({ count: 100, truncated: false });
  });

  it("each of several commits names its paths by their places, and leaves out those beyond the hundredth", async () => {
    const many = Array.from({ length: 130 }, (_, n) => `${n}.md`);
    const commits = [
      commit({ added: ["0.md", "1.md"] }),
      commit({ modified: ["1.md"], removed: ["2.md", "1.md"] }),
      commit({ added: [], modified: [], removed: [] }),
      commit({ added: many.slice(2) }),
      { ...commit({}), added: undefined, modified: undefined, removed: undefined },
    ];
    const code = await codeOf(commits);
    expect(code.commits.map(({ paths }: Body) => paths)).toEqual([
      [0, 1],
      [1, 2],
      [],
      Array.from({ length: 98 }, (_, n) => n + 2),
      undefined,
    ]);
  });

  it("the only commit of a push names no places, because all paths are its own", async () => {
    const only = [commit({ added: ["a.md"] })];
    expect((await codeOf(only)).commits).toEqual([{ id: "c4a1e7d2", message: "A commit" }]);
    expect((await codeOf(only, 21)).commits).toMatchObject([{ paths: [0] }]);
  });

  it("the paths are truncated if GitLab reports fewer commits than were pushed", async () => {
    expect(await pathsOf([commit({ added: ["a.md"] })], 21)).toMatchObject({
      changed: ["a.md"],
      count: 1,
      truncated: true,
    });
  });

  it("the paths are truncated if a commit or one of its lists cannot be read", async () => {
    const whole = commit({ added: ["a.md"], modified: [], removed: [] });
    expect(await pathsOf([whole, 7 as unknown as object])).toMatchObject({
      changed: ["a.md"],
      count: 1,
      truncated: true,
    });
    expect(await pathsOf([whole, commit({ added: ["b.md", 7] })])).toMatchObject({ count: 1, truncated: true });
  });

  it("the paths are incomplete if a file was added, which may be a moved one, or the branch may have been rewritten", async () => {
    const edited = commit({ added: [], modified: ["a.md"], removed: ["b.md"] });
    expect(await pathsOf([edited])).toEqual({ changed: ["a.md", "b.md"], count: 2, truncated: false });
    const added = commit({ added: ["c.md"], modified: [], removed: [] });
    expect(await pathsOf([edited, added])).toMatchObject({ incomplete: true });
    for (const ref_protected of [false, undefined, null]) {
      const { paths } = await partOf("code", { ...bodyOf("push"), commits: [edited], ref_protected });
      expect(paths).toMatchObject({ incomplete: true });
    }
  });

  it.each([
    ["no list", {}],
    ["empty values", { added: null, modified: null, removed: null }],
    ["one list too few", { added: [], modified: ["a.md"] }],
    ["one empty value", { added: [], modified: ["a.md"], removed: null }],
  ])("the paths are incomplete if a commit has %s", async (_, lists) => {
    const whole = commit({ added: [], modified: ["a.md"], removed: [] });
    expect(await pathsOf([whole])).not.toHaveProperty("incomplete");
    expect(await pathsOf([whole, commit(lists)])).toMatchObject({ changed: ["a.md"], incomplete: true });
  });

  it("a path that is far too long is cut", async () => {
    const { changed } = await pathsOf([commit({ added: [`${"a/".repeat(149)}\u{1F600}.md`] })]);
    expect(changed).toEqual([`${"a/".repeat(99)}a…`]);
  });

  it.each([[[]], [[commit({})]], [[commit({ added: "a.md" })]]])(
    "a push with the commits %j reports no paths",
    async (commits) => expect(await pathsOf(commits)).toBeUndefined(),
  );
});

describe("a merge request", () => {
  it.each([
    ["open", "change.opened"],
    ["reopen", "change.opened"],
    ["update", "change.updated"],
    ["approval", "change.approved"],
    ["approved", "change.approved"],
    ["unapproval", "change.unapproved"],
    ["unapproved", "change.unapproved"],
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

describe("the fields of a merge request", () => {
  const changeWith = async (attributes: Body, members: Body = {}) =>
    partOf("change", { ...withAttributes("merge-request-updated", attributes), ...members });

  it.each([
    [{ source_project_id: 4117 }, { sourceProject: "platform/docs", fork: false }],
    [
      { source_project_id: 99, source: { path_with_namespace: "ann/docs" } },
      { sourceProject: "ann/docs", fork: true },
    ],
    [
      { source_project_id: 99, source: null },
      { sourceProject: "99", fork: true },
    ],
    [
      { source_project_id: null, source: null },
      { sourceProject: undefined, fork: undefined },
    ],
    [{ source_project_id: "4117" }, { sourceProject: undefined, fork: undefined }],
  ])("a merge request with %j has the source %j", async (attributes, source) => {
    const change = await changeWith(attributes);
    expect({ sourceProject: change.sourceProject, fork: change.fork }).toEqual(source);
    expect(change.targetProject).toBe("platform/docs");
  });

  it.each([
    [{ draft: true }, true],
    [{ draft: undefined, work_in_progress: true }, true],
    [{ draft: false, work_in_progress: true }, false],
    [{ draft: undefined, work_in_progress: undefined }, undefined],
  ])("a merge request with %j has the draft mark %s", async (attributes, draft) =>
    expect((await changeWith(attributes)).draft).toBe(draft),
  );

  it("the labels of a merge request are listed by their titles, at most fifty", async () => {
    const labels = Array.from({ length: 60 }, (_, n) => ({ id: n, title: `label ${n}` }));
    const titles = (await changeWith({ labels: [...labels, { id: 1 }, null] })).labels;
    expect(titles).toEqual(labels.slice(0, 50).map(({ title }) => title));
    const old = await changeWith({ labels: undefined }, { labels: [{ title: "urgent" }] });
    expect(old.labels).toEqual(["urgent"]);
  });

  it.each([
    ["the person who acts", { author_id: 58 }, "iokafor"],
    ["a reviewer", { author_id: 61 }, "tbrandt"],
    ["nobody in the body", { author_id: 77 }, undefined],
    ["unknown", { author_id: null }, undefined],
  ])("the user name of an author who is %s, with %j, is %s", async (_, attributes, author) =>
    expect((await changeWith(attributes)).author).toBe(author),
  );

  it("only a merged merge request has a merge commit", async () => {
    const sha = "5d".repeat(20);
    expect((await changeWith({ action: "merge", merge_commit_sha: sha })).mergeCommit).toBe(sha);
    expect(await changeWith({ action: "merge", merge_commit_sha: null })).not.toHaveProperty("mergeCommit");
    expect(await changeWith({ action: "update", merge_commit_sha: sha })).not.toHaveProperty("mergeCommit");
  });

  it.each([null, undefined, {}, { id: "" }])("a merge request with the last commit %j has no commit", async (last) =>
    expect(await changeWith({ action: "open", last_commit: last })).not.toHaveProperty("commit"),
  );
});

describe("what changed in a merge request", () => {
  const changedBy = async (changes: unknown, attributes: Body = { oldrev: null }) =>
    (await partOf("change", { ...withAttributes("merge-request-updated", attributes), changes })).changed;
  const from = (previous: unknown, current: unknown) => ({ previous, current });

  it.each([
    ["labels", { labels: from([], [{ title: "urgent" }]), updated_at: from("a", "b") }, ["labels"]],
    ["an assignee", { assignees: from([], [{ id: 6 }]) }, ["assignees"]],
    ["an assignee on an old server", { assignee_id: from(null, 6) }, ["assignees"]],
    ["a reviewer", { reviewers: [[], [{ id: 6 }]] }, ["reviewers"]],
    ["the milestone", { milestone_id: from(null, 3) }, ["milestone"]],
    ["the target branch", { target_branch: from("main", "next") }, ["target_branch"]],
    ["the text", { description: from("a", "b"), last_edited_at: from(null, "b") }, ["description"]],
    ["the title", { title: from("a", "b") }, ["title"]],
    ["the draft mark", { draft: from(true, false), title: from("Draft: a", "a") }, ["draft"]],
    ["the draft mark on an old server", { title: from("a", "WIP: a") }, ["draft"]],
    ["the draft mark and the title", { title: from("[Draft] a", "b") }, ["title", "draft"]],
    ["the title of a draft", { title: from("draft: a", "Draft: b") }, ["title"]],
    ["the time estimate", { time_estimate: from(0, 60) }, ["other"]],
    ["nothing that is named", {}, ["other"]],
    ["something of a wrong kind", "labels", ["other"]],
  ])("an update of %s says so", async (_, changes, changed) => expect(await changedBy(changes)).toEqual(changed));

  it("an update says that there are new commits exactly if GitLab reports the earlier one", async () => {
    const labels = { labels: from([], [{ title: "urgent" }]) };
    expect(await changedBy({}, { oldrev: "3b".repeat(20) })).toEqual(["code"]);
    expect(await changedBy(labels, { oldrev: "3b".repeat(20) })).toEqual(["code", "labels"]);
  });

  it.each(["open", "merge", "unapproved"])("the action %s does not say what changed", async (action) =>
    expect(await changedBy({ labels: from([], []) }, { action })).toBeUndefined(),
  );
});

describe("a comment", () => {
  it.each([
    ["create", "change.commented"],
    ["update", "change.comment_edited"],
    [undefined, "change.commented"],
    [null, "change.commented"],
  ])("a comment with the action %s is %s", async (action, type) =>
    expect((await eventOf(withAttributes("note", { action }))).type).toBe(type),
  );

  it("a comment that was edited since is no new one, whatever the action says", async () => {
    const edited = withAttributes("note", { last_edited_at: "2026-11-02 09:06:00 UTC" });
    expect((await eventOf(edited)).type).toBe("change.comment_edited");
    expect((await eventOf(withAttributes("note", { last_edited_at: null }))).type).toBe("change.commented");
  });

  it("a comment of another account than the one that acts names nobody", async () => {
    expect((await eventOf(withAttributes("note", { author_id: 62 }))).actor).toBeUndefined();
    expect((await eventOf(withAttributes("note", { author_id: 61 }))).actor).toMatchObject({ id: "61" });
  });

  it("a comment with a new action is ignored", async () =>
    expect(await read(withAttributes("note", { action: "resolve" }))).toEqual({
      outcome: "ignored",
      kind: "note.resolve",
    }));

  it.each([
    ["in the current form", { internal: true }, {}, {}],
    ["in the form before 15.0", { internal: undefined, confidential: true }, {}, {}],
    ["by the type of the event alone", { internal: undefined }, { event_type: "confidential_note" }, {}],
    ["by the header alone", { internal: undefined }, {}, { "x-gitlab-event": "Confidential Note Hook" }],
    ["in an unknown form", { internal: "yes" }, {}, {}],
  ])("a confidential comment that is marked %s is ignored", async (_, attributes, members, headers) => {
    const reading = await read({ ...withAttributes("note", attributes), ...members }, headers);
    expect(reading).toMatchObject({
      outcome: "ignored",
      kind: expect.stringMatching(/^note\.(internal|confidential)$/),
    });
  });

  it("a confidential comment without a kind in its body is ignored", async () => {
    const { object_kind: _, event_type: __, ...rest } = bodyOf("note");
    const headers = { "x-gitlab-event": "Confidential Note Hook" };
    expect(await read(rest, headers)).toMatchObject({ outcome: "ignored", kind: "note.confidential" });
  });

  it.each([
    ["by the system", { system: true }],
    ["for members only", { internal: true }],
    ["on a commit", { noteable_type: "Commit" }],
    ["that the bridge keeps up to date", { note: "<!-- drawbridge:comment -->\nlist", action: "update" }],
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
    ["waiting_for_callback", "queued"],
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

  it("a run of outside commit statuses is ignored, or the bridge would answer itself", async () => {
    expect(await read(withAttributes("pipeline", { source: "external" }))).toMatchObject({ outcome: "ignored" });
    expect(await read({ ...bodyOf("job"), build_stage: "external" })).toMatchObject({ outcome: "ignored" });
  });

  it("a run of a server that reports no project path keeps the reported name", async () => {
    const { project: _, ...old } = bodyOf("job");
    expect(await eventOf(old)).toMatchObject({ job: { pipeline: "Platform / docs" } });
  });
});

describe("what a pipeline is for", () => {
  const request = {
    iid: 37,
    source_project_id: 4117,
    target_project_id: 4117,
    source_branch: "main",
    target_branch: "main",
  };
  const ofMain = { branch: "main", protected: true };
  const change = { id: "37", sourceBranch: "main", targetBranch: "main" };

  it.each([
    ["a push", { source: "push" }, null, ofMain],
    ["a schedule", { source: "schedule" }, null, ofMain],
    ["a trigger token", { source: "trigger" }, null, ofMain],
    ["a person", { source: "web" }, null, ofMain],
    ["a trigger job of another project", { source: "pipeline" }, null, ofMain],
    ["a push of a tag", { source: "push", tag: true, ref: "v2.0.0" }, null, { tag: "v2.0.0", protected: true }],
    [
      "a merge request",
      { source: "merge_request_event" },
      request,
      { change: { ...change, sourceProject: "platform/docs", targetProject: "platform/docs", fork: false } },
    ],
    [
      "a merge request of a fork, in the project",
      { source: "merge_request_event" },
      { ...request, source_project_id: 99 },
      { change: { ...change, sourceProject: "99", targetProject: "platform/docs", fork: true } },
    ],
    [
      "a merge request to another project, in the fork",
      { source: "merge_request_event" },
      { ...request, target_project_id: 15 },
      { change: { ...change, sourceProject: "platform/docs", targetProject: "15", fork: true } },
    ],
    [
      "a parent pipeline of a merge request",
      { source: "parent_pipeline" },
      { ...request, source_project_id: 99 },
      { change: { ...change, sourceProject: "99", targetProject: "platform/docs", fork: true } },
    ],
    [
      "a merge request whose fork was deleted",
      {},
      { ...request, source_project_id: null },
      {
        change: { ...change, targetProject: "platform/docs" },
      },
    ],
    ["a merge request that is not reported", { source: "merge_request_event" }, null, {}],
    ["a merge request without a number", {}, { ...request, iid: null }, {}],
    ["a merge request of another form", {}, "!37", {}],
    ["a pull request elsewhere", { source: "external_pull_request_event" }, null, {}],
    [
      "a merge request that only the ref names",
      { source: "merge_request_event", ref: "refs/merge-requests/37/merge" },
      null,
      { change: { id: "37", targetProject: "platform/docs" } },
    ],
  ])("a pipeline that is started by %s is for exactly that", async (_, attributes, merge_request, place) => {
    const body = { ...withAttributes("pipeline", { tag: false, ref: "main", protected_ref: true, ...attributes }) };
    const build = await partOf("build", { ...body, merge_request });
    const shown = { branch: build.branch, tag: build.tag, change: build.change, protected: build.protected };
    expect(JSON.parse(JSON.stringify(shown))).toEqual(place);
    expect(build.source).toBe(Object(body["object_attributes"]).source);
    expect(build.defaultBranch).toBe("main");
  });

  it("a pipeline of a server that reports no merge request at all is for its branch", async () => {
    const { merge_request: _, ...body } = bodyOf("pipeline");
    expect(await partOf("build", body)).toMatchObject({ branch: "main", source: "push" });
  });
});

describe("the name of a pipeline", () => {
  const nameOf = async (attributes: Body) => (await partOf("build", withAttributes("pipeline", attributes))).pipeline;

  it.each([
    [{ source: "push", name: "Docs" }, "platform/docs"],
    [{ source: "parent_pipeline", name: "Link check" }, "platform/docs (Link check)"],
    [{ source: "parent_pipeline", name: "Preview" }, "platform/docs (Preview)"],
    [{ source: "parent_pipeline", name: null }, "platform/docs (child)"],
    [{ source: "parent_pipeline", name: "" }, "platform/docs (child)"],
    [{ source: "webide" }, "platform/docs (webide)"],
    [{ source: "security_orchestration_policy" }, "platform/docs (security_orchestration_policy)"],
  ])("a pipeline with %j has the name %s", async (attributes, name) => expect(await nameOf(attributes)).toBe(name));

  it("a pipeline and its jobs have an id that a renamed project and each of its child pipelines keeps", async () => {
    const path_with_namespace = "docs/handbook";
    const renamed = (name: string) => ({
      ...bodyOf(name),
      project: { ...Object(bodyOf(name)["project"]), path_with_namespace },
    });
    const [build, job] = [await partOf("build", renamed("pipeline")), await partOf("job", renamed("job"))];
    expect(build).toMatchObject({ pipeline: "docs/handbook", pipelineId: "4117" });
    expect(job).toMatchObject({ pipeline: "docs/handbook", pipelineId: "4117" });
    const child = { ...renamed("pipeline-child"), source_pipeline: null };
    expect(await partOf("build", child)).toMatchObject({ pipelineId: "4117 (Link check)" });
  });

  it("two child pipelines with long names have two names", async () => {
    const names = ["a", "b"].map((end) => nameOf({ source: "parent_pipeline", name: `${"x".repeat(400)}${end}` }));
    const [one = "", other] = await Promise.all(names);
    expect(one).not.toBe(other);
    expect(one.length).toBeLessThanOrEqual(300);
  });

  it("a child pipeline and a pipeline of another project name the pipeline that started them", async () => {
    const source_pipeline = { project: { path_with_namespace: "platform/site" }, pipeline_id: 30, job_id: 3401 };
    const parent = { id: "30", pipeline: "platform/site", job: "3401" };
    expect(await partOf("build", { ...bodyOf("pipeline"), source_pipeline })).toMatchObject({ parent });
    expect(await partOf("build", { ...bodyOf("pipeline"), source_pipeline: null })).not.toHaveProperty("parent");
  });

  it("a job of a child pipeline has the name of that pipeline", async () => {
    const source_pipeline = { project: { path_with_namespace: "platform/docs" }, pipeline_id: 30, job_id: 3401 };
    const pipelineWith = async (members: Body) => (await partOf("job", { ...bodyOf("job"), ...members })).pipeline;
    expect(await pipelineWith({ source_pipeline, commit: { name: "Link check" } })).toBe("platform/docs (Link check)");
    expect(await pipelineWith({ source_pipeline, commit: { name: null } })).toBe("platform/docs (child)");
    const elsewhere = { ...source_pipeline, project: { path_with_namespace: "platform/site" } };
    expect(await pipelineWith({ source_pipeline: elsewhere, commit: { name: "Docs" } })).toBe("platform/docs");
  });
});

describe("a job", () => {
  const jobWith = async (members: Body) => partOf("job", { ...bodyOf("job"), ...members });

  it.each([
    [{ ref: "main" }, { branch: "main" }],
    [{ ref: "refs/heads/main" }, { branch: "main" }],
    [{ ref: "v2.0.0", tag: true }, { tag: "v2.0.0" }],
    [{ ref: "refs/merge-requests/37/head" }, { change: { id: "37", targetProject: "platform/docs" } }],
    [{ ref: "refs/merge-requests/37/train" }, { change: { id: "37", targetProject: "platform/docs" } }],
    [{ ref: "refs/workloads/3f1" }, {}],
    [{ ref: null }, {}],
  ])("a job with %j is for %j", async (members, place) => {
    const { branch, tag, change } = await jobWith(members);
    expect(JSON.parse(JSON.stringify({ branch, tag, change }))).toEqual(place);
  });

  it.each([
    ["script_failure", "failed"],
    ["runner_system_failure", "failed"],
    ["job_execution_timeout", "timed_out"],
    ["stuck_or_timeout_failure", "timed_out"],
    ["stuck_pending_no_matching_runners", "timed_out"],
    ["no_updates_running", "timed_out"],
    ["server_timeout_canceling", "timed_out"],
  ])("a job that failed because of %s is %s, with that reason", async (reason, state) => {
    const event = await eventOf({ ...bodyOf("job"), build_failure_reason: reason });
    expect(event).toMatchObject({ type: `job.${state}`, job: { state, reason, softFailed: true } });
  });

  it.each(["running", "success", "canceled"])("a job of status %s has no reason", async (build_status) =>
    expect(await jobWith({ build_status, build_failure_reason: "unknown_failure" })).not.toHaveProperty("reason"),
  );

  it("a job names its runner, the runner's tags and the environment, and whether it stops the environment", async () => {
    const runner = { id: 14, tags: [...Array.from({ length: 30 }, (_, n) => `tag-${n}`), 7] };
    const job = await jobWith({ runner, environment: { name: "production", action: "start" } });
    expect(job).toMatchObject({ runner: "14", tags: runner.tags.slice(0, 20), environment: "production" });
    expect(job).not.toHaveProperty("stopsEnvironment");
    const stop = await jobWith({ environment: { name: "review/drill", action: "stop" } });
    expect(stop).toMatchObject({ environment: "review/drill", stopsEnvironment: true });
    const bare = await jobWith({ runner: null, environment: null });
    for (const member of ["runner", "tags", "environment", "retried"]) expect(bare).not.toHaveProperty(member);
  });
});

describe("the time of a queued run", () => {
  const CREATED = "2026-11-02T08:53:00.000Z";

  it.each([
    ["created", true],
    ["pending", false],
    ["scheduled", false],
    ["waiting_for_callback", false],
  ])("a pipeline or job that becomes %s reports that time: %s", async (status, isReported) => {
    const attributes = { status, finished_at: null };
    const pipeline = await eventOf({ ...withAttributes("pipeline-running", attributes), builds: [] });
    const times = { build_status: status, build_started_at: null, build_finished_at: null };
    const job = await eventOf({ ...bodyOf("job"), ...times });
    for (const { time } of [pipeline, job]) expect(time === CREATED).toBe(isReported);
  });

  it("a pipeline that is created again by a retry does not have the time of its first creation", async () => {
    const event = await eventOf(withAttributes("pipeline", { status: "created" }));
    expect(event.time).not.toBe(CREATED);
  });
});

describe("the decision on a deployment", () => {
  const person = (id: number, username: string) => ({ id, name: username, username });
  const decided = (members: Body): Body => ({ ...bodyOf("deployment-approved"), ...members });

  it.each([
    ["approved", "approval.granted"],
    ["rejected", "approval.denied"],
    ["blocked", "deployment.waiting"],
  ])("a deployment of status %s is %s", async (status, type) =>
    expect((await eventOf(decided({ status }))).type).toBe(type),
  );

  it("the actor of a decision is the person who decided, and not the person who deploys", async () => {
    const { actor } = await eventOf(decided({ approver: person(61, "tbrandt"), user: person(58, "iokafor") }));
    expect(actor).toMatchObject({ id: "61", username: "tbrandt" });
    expect(await eventOf(decided({ approver: null }))).not.toHaveProperty("actor");
  });

  it("decisions of two people within one second are two events, and two hooks report each with one key", async () => {
    const one = { approval: { id: 1 }, approver: person(61, "tbrandt") };
    const other = { approval: { id: 2 }, approver: person(58, "iokafor") };
    expect(await keyOf(decided(one))).not.toBe(await keyOf(decided(other)));
    expect(await keyOf(decided(one))).toBe(await keyOf(decided(one)));
  });
});

describe("an expiring token", () => {
  const body = bodyOf("access-token-expiring");
  const group = { group_name: "Platform", group_path: "platform", group_id: 35 };

  it.each([
    [{}, "platform/docs"],
    [{ project: undefined, group: { ...group, full_path: "org/platform" } }, "org/platform"],
    [{ project: undefined, group }, "platform"],
  ])("a token with %j belongs to %s", async (members, owner) =>
    expect(await partOf("token", { ...body, ...members })).toMatchObject({ owner, name: "bridge-statuses" }),
  );

  it.each([
    ["2026-11-09", "2026-11-09T00:00:00.000Z"],
    ["2026-11-09 07:57:25 UTC", "2026-11-09T07:57:25.000Z"],
  ])("a token that expires at %s is invalid from %s", async (expires_at, expiresAt) => {
    const attributes = { ...Object(body["object_attributes"]), expires_at };
    expect(await partOf("token", { ...body, object_attributes: attributes })).toMatchObject({ expiresAt });
  });

  it.each(["2026-02-30", "soon", "", null])("a token that expires at %j is unusable", async (expires_at) => {
    const attributes = { ...Object(body["object_attributes"]), expires_at };
    expect(await read({ ...body, object_attributes: attributes })).toMatchObject({ outcome: "unusable" });
  });

  it("an expiring token is undated, because GitLab reports it weeks and days before", async () =>
    expect((await eventOf(body)).undated).toBe(true));

  it("tokens of a project and of a group with the same ids are two events", async () => {
    const ofGroup = { ...body, project: undefined, group: { ...group, group_id: 4117 } };
    expect(await keyOf(ofGroup)).not.toBe(await keyOf(body));
  });

  it.each(["rotated_access_token", undefined])("another event of a token, %s, is ignored", async (event_name) =>
    expect(await read({ ...body, event_name })).toMatchObject({ outcome: "ignored" }),
  );
});

describe("the person who acts", () => {
  const actorOf = async (user: unknown) => (await eventOf({ ...bodyOf("note"), user })).actor;

  it.each([
    [
      { id: 61, name: "Tomas Brandt", username: "tbrandt" },
      { id: "61", name: "Tomas Brandt", username: "tbrandt" },
    ],
    [
      { name: "Tomas Brandt", username: "tbrandt" },
      { id: "tbrandt", name: "Tomas Brandt", username: "tbrandt" },
    ],
    [
      { id: null, username: "project_15_bot_4f" },
      { id: "project_15_bot_4f", username: "project_15_bot_4f" },
    ],
    [{ name: "Tomas Brandt" }, undefined],
    [null, undefined],
    ["tbrandt", undefined],
  ])("the actor %j is reported as %j", async (user, actor) => expect(await actorOf(user)).toEqual(actor));
});

describe("a member of another kind than documented", () => {
  it.each([
    ["push", { ref_protected: "yes", user_username: 7, message: {}, checkout_sha: 1 }],
    ["push", { commits: [7, { id: "c4a1", message: "A commit", url: 7, author: "Ines", added: {} }] }],
    ["job", { runner: "14", environment: "production", tag: "no", build_failure_reason: 7 }],
    ["job", { runner: { id: "14", tags: "linux" }, ref: {}, build_started_at: 7 }],
    ["deployment", { environment_tier: {}, deployable_id: "x", commit_url: 7, approver: 7, status_changed_at: 7 }],
    ["release", { name: 7, commit: "c4a1", url: 7 }],
    ["merge-request", { user: 7, changes: 7, labels: 7, assignees: {}, reviewers: "none" }],
    ["note", { user: [] }],
    ["pipeline", { commit: 7, builds: {}, source_pipeline: [], user: "Ines" }],
  ])("a %s with %j is still an event", async (name, members) =>
    expect(await read({ ...bodyOf(name), ...members })).toMatchObject({ outcome: "event" }),
  );

  it.each([
    ["merge-request", { title: 7, draft: "no", labels: {}, last_commit: 7, oldrev: 7, author_id: "58", source: 7 }],
    ["pipeline", { iid: "7", ref: 7, tag: 0, protected_ref: "yes", queued_duration: "7", url: 7 }],
  ])("a %s with the attributes %j is still an event", async (name, attributes) =>
    expect(await read(withAttributes(name, attributes))).toMatchObject({ outcome: "event" }),
  );

  it.each([
    ["pipeline", "build"],
    ["job", "job"],
  ])("the mark of a tag of another kind makes a %s a run for neither a branch nor a tag", async (name, part) => {
    const body = name === "job" ? { ...bodyOf(name), tag: "true" } : withAttributes(name, { tag: "true" });
    const run = await partOf(part, { ...body, ref: "v2.4.0", merge_request: null });
    for (const member of ["branch", "tag", "change"]) expect(run).not.toHaveProperty(member);
  });

  it("a comment whose event type is of another kind may be confidential, so it is ignored", async () => {
    for (const event_type of [["confidential_note"], 7, {}, true]) {
      expect(await read({ ...bodyOf("note"), event_type })).toMatchObject({ kind: "note.confidential" });
    }
  });

  it("an annotated tag has no commit if GitLab's is of another kind: the tag's own hash is none", async () => {
    expect(await partOf("code", { ...bodyOf("tag-push"), checkout_sha: 7 })).not.toHaveProperty("commit");
  });

  it("an update does not say what changed if the mark of new commits is of another kind", async () => {
    const change = await partOf("change", withAttributes("merge-request-updated", { oldrev: [] }));
    expect(change).not.toHaveProperty("changed");
  });

  it.each<[string, Body]>([
    ["push", { total_commits_count: "2" }],
    ["push", { commits: "none" }],
    ["job", { build_stage: ["external"] }],
    ["job", { commit: 7 }],
    ["job", { project: 7 }],
    ["job", { source_pipeline: 30 }],
    ["release", { released_at: 7 }],
    ["pipeline", { source_pipeline: "30" }],
  ])("a %s with %j is unusable, because it may mean something else", async (name, members) => {
    const [member] = Object.keys(members);
    expect(await read({ ...bodyOf(name), ...members })).toEqual(
      expect.objectContaining({ outcome: "unusable", problem: expect.stringContaining(`${member} is missing or not`) }),
    );
  });

  it.each<[string, Body]>([
    ["pipeline", { source: ["external"] }],
    ["pipeline-child", { name: 7 }],
    ["note", { action: {} }],
  ])("a %s with the attributes %j is unusable, because it may mean something else", async (name, attributes) =>
    expect(await read(withAttributes(name, attributes))).toMatchObject({ outcome: "unusable" }),
  );
});

describe("a release", () => {
  it.each([
    ["2027-03-01 00:00:00 UTC", "release.planned", "2027-03-01T00:00:00.000Z"],
    ["2026-11-02 09:00:05 UTC", "release.published", "2026-11-02T09:00:05.000Z"],
    ["2019-03-01 00:00:00 UTC", "release.published", "2019-03-01T00:00:00.000Z"],
    [null, "release.published", undefined],
  ])("a release with the time %s is %s, and occurs when it is created", async (released_at, type, releasedAt) => {
    const event = await eventOf({ ...bodyOf("release"), released_at });
    expect(event).toMatchObject({ type, time: "2026-11-02T08:59:02.000Z" });
    expect(Object(event).release.releasedAt).toBe(releasedAt);
  });

  it("an edit of a release is ignored", async () => {
    const edited = await read({ ...bodyOf("release"), action: "update" });
    expect(edited).toMatchObject({ outcome: "ignored", kind: "release.update" });
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

  it.each(["waiting_for_resource", "preparing", "waiting_for_callback"])(
    "a pipeline that runs, is %s between two jobs, and runs on has three events in this order",
    async (status) => {
      const next = { ...CREATED, id: 880_012 };
      const all = [
        await reported("running", [STARTED, next]),
        await reported(status, [PASSED, { ...next, status }]),
        await reported("running", [PASSED, { ...next, status: "pending" }]),
      ];
      expect(new Set(all.map(({ key }) => key)).size).toBe(3);
      expect(all.map(({ round }) => round)).toEqual(all.map(({ round }) => round).toSorted());
    },
  );

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

describe("the largest push that a sender can make", () => {
  it.each(LARGE_CHARACTERS)("a push whose texts are %s is smaller than 200 KB on the bus", async (_, character) => {
    const event = await eventOf({ ...bodyOf("push"), ...largestPush(character) });
    expect(event).toMatchObject({ code: { commits: { length: 20 }, paths: { changed: { length: 100 }, count: 150 } } });
    expect(Buffer.byteLength(JSON.stringify(event))).toBeLessThan(LARGEST_EVENT_BYTES);
  });
});
