import { describe, expect, it } from "vitest";
import { compareStates } from "../../../../shared/model/build-order.ts";
import type { BridgeEvent, BuildPart } from "../../../../shared/model/event.ts";
import { deliveryIdOf, eventKeyOf } from "../../../../shared/model/idempotency-keys.ts";
import { readDelivery } from "../../../../shared/providers/github/parse.ts";
import { LARGE_CHARACTERS, LARGEST_EVENT_BYTES, largestPush } from "../../../support/largest-push.ts";
import { type Body, bodyOf as bodyOfFixture, fixturesOf, readingBy } from "../../../support/provider-fixtures.ts";

const { read } = readingBy(readDelivery);
const FIXTURES = fixturesOf("github");
const bodyOf = (name: string): Body => bodyOfFixture("github", name);

/** The event of a fixture whose members are changed: `changes` by the member of the body. */
async function eventOf(name: string, changes: Body = {}): Promise<BridgeEvent> {
  const fixture = FIXTURES.find((one) => one.name === name);
  const body = bodyOf(name);
  const changed = Object.entries(changes).map(([member, to]) => [
    member,
    typeof to === "object" && to !== null && !Array.isArray(to) ? { ...Object(body[member]), ...to } : to,
  ]);
  const reading = await read({ ...body, ...Object.fromEntries(changed) }, { ...fixture?.headers });
  if (reading.outcome !== "event") throw new Error(JSON.stringify(reading));
  return reading.events[0];
}

const outcomeOf = async (name: string, event: string) =>
  (await read(bodyOf(name), { "x-github-event": event })).outcome;

const partOf = async (part: string, name: string, changes: Body = {}) => Object(await eventOf(name, changes))[part];
const runOf = (run: Body) => partOf("build", "workflow-run", { workflow_run: run });

const keyOf = async (name: string, changes: Body = {}) => {
  const { type, keyParts } = await eventOf(name, changes);
  return eventKeyOf("code", type, keyParts);
};

describe("the kind of a delivery", () => {
  const PUBLISHED = [
    "push",
    "pull_request",
    "check_suite",
    "workflow_run",
    "release",
    "deployment",
    "deployment_status",
  ];

  it("a body that is announced as another published event is unusable", async () => {
    for (const { name, headers } of FIXTURES) {
      const own = headers["x-github-event"];
      for (const event of PUBLISHED.filter((one) => one !== own)) {
        expect(await outcomeOf(name, event), `${name} as ${event}`).toBe("unusable");
      }
    }
  });

  it.each([
    ["review", { id: 1 }],
    ["comment", { id: 1 }],
    ["thread", { node_id: "T" }],
  ])("a body with a %s is not read as a pull request", async (member, value) => {
    const body = { ...bodyOf("pull-request-edited"), [member]: value };
    expect(await read(body, { "x-github-event": "pull_request" })).toMatchObject({ outcome: "unusable" });
  });

  it.each([
    ["a review of a deployment", "workflow-run-requested", "workflow_run", { since: "2026-11-02T08:58:00Z" }],
    ["a protection rule", "deployment", "deployment", { deployment_callback_url: "https://github.example.com/x" }],
  ])("the body of %s is not read as another event", async (_, name, event, members) => {
    expect(await read({ ...bodyOf(name), ...members }, { "x-github-event": event })).toMatchObject({
      outcome: "unusable",
    });
  });

  it.each(["issues", "workflow_job", "something_new", "constructor", "__proto__"])(
    "the event %s is ignored by its name",
    async (event) => {
      expect(await read({ action: "opened" }, { "x-github-event": event })).toMatchObject({
        outcome: "ignored",
        kind: event,
      });
    },
  );

  it("a delivery without the name of its event is unusable", async () =>
    expect(await read(bodyOf("push"))).toMatchObject({ outcome: "unusable" }));
});

describe("the delivery key", () => {
  const headers = { "x-github-event": "ping", "x-github-delivery": "id-1" };
  const idOf = async (body: Body) => {
    const { deliveryKey } = await read(body, headers);
    return deliveryIdOf("code", deliveryKey ?? []);
  };

  it("the id of a delivery, which is not signed, does not make another body the same delivery", async () => {
    expect(await idOf({ zen: "a" })).toBe(await idOf({ zen: "a" }));
    expect(await idOf({ zen: "a" })).not.toBe(await idOf({ zen: "b" }));
  });

  it("a delivery without an id is known by its body", async () =>
    expect(await read({}, { "x-github-event": "ping" })).not.toHaveProperty("deliveryKey"));
});

describe("what a run is for", () => {
  it("a run of a fork's pull request has a change of a fork and no branch, although its branch is named main", async () => {
    const build = await partOf("build", "workflow-run-of-fork");
    expect(build).toMatchObject({ change: { fork: true, sourceBranch: "main", sourceProject: "lfuchs/docs" } });
    expect(build).not.toHaveProperty("branch");
    expect(build.change).not.toHaveProperty("id");
  });

  it.each(["push", "workflow_dispatch", "pull_request_target", null])(
    "a run of a fork's commit that %s started has no branch",
    async (event) => {
      const build = await runOf({ event, head_repository: { id: 7731, full_name: "lfuchs/docs" } });
      expect(build).toMatchObject({ change: { fork: true } });
      expect(build).not.toHaveProperty("branch");
    },
  );

  it.each([
    ["is missing", undefined],
    ["was deleted", null],
    ["has another form", "lfuchs/docs"],
  ])("a run whose head repository %s has no branch, and nothing says whether it is of a fork", async (_, head) => {
    for (const event of ["push", "schedule", "issues"]) {
      const build = await runOf({ event, head_repository: head });
      expect(["branch", "tag", "refName", "change"].filter((member) => member in build)).toEqual([]);
    }
    const { change } = await runOf({ event: "pull_request", head_repository: head });
    expect(change).toMatchObject({ sourceBranch: "main" });
    expect(change).not.toHaveProperty("fork");
  });

  it.each(["push", "workflow_dispatch", "create", "deployment", "something_new"])(
    "a run that %s started may be for a tag, so its name is not that of a branch",
    async (event) => {
      const build = await runOf({ event, head_branch: "main" });
      expect(build).toMatchObject({ refName: "main", source: event });
      expect(["branch", "tag", "change"].filter((member) => member in build)).toEqual([]);
    },
  );

  it.each(["schedule", "repository_dispatch", "workflow_run", "issues", "issue_comment"])(
    "a run that %s started is for the default branch",
    async (event) => {
      const build = await runOf({ event, head_branch: "main" });
      expect(build).toMatchObject({ branch: "main" });
      expect(build).not.toHaveProperty("refName");
    },
  );

  it.each(["pull_request", "pull_request_target", "pull_request_review"])(
    "a run that %s started has a change and no branch, also in the same repository",
    async (event) => {
      const build = await runOf({ event });
      expect(build).toMatchObject({ change: { fork: false, sourceBranch: "main" }, source: event });
      expect(build).not.toHaveProperty("branch");
    },
  );

  it("a commit that is in several pull requests belongs to none of them by number", async () => {
    const of = (number: number, repository: number) => ({ number, base: { ref: "main", repo: { id: repository } } });
    const changeOf = async (pull_requests: unknown) => (await runOf({ event: "pull_request", pull_requests })).change;
    expect(await changeOf([of(41, 4117), of(42, 4117)])).not.toHaveProperty("id");
    expect(await changeOf([of(41, 4117), of(7, 7731)])).toMatchObject({ id: "41", targetBranch: "main" });
  });

  it("a run of a release has its tag, and a run of a merge queue neither branch nor tag", async () => {
    expect(await runOf({ event: "release", head_branch: "v2.4.0" })).toMatchObject({ tag: "v2.4.0" });
    const queued = await runOf({ event: "merge_group", head_branch: "gh-readonly-queue/main/pr-41-c4a1" });
    expect(["branch", "tag", "change"].filter((member) => member in queued)).toEqual([]);
  });

  it("a run without the event that started it has no branch, because it may be for a pull request", async () =>
    expect(await runOf({ event: null })).not.toHaveProperty("branch"));

  it("a check suite has neither branch nor change", async () => {
    const build = await partOf("build", "check-suite");
    expect(["branch", "tag", "change"].filter((member) => member in build)).toEqual([]);
  });
});

describe("a pull request", () => {
  const headOf = (repo: unknown) => ({ pull_request: { head: { ref: "main", sha: "c4a1", repo } } });

  it("a pull request of another repository is of a fork", async () => {
    expect((await partOf("change", "pull-request", headOf({ id: 7731 }))).fork).toBe(true);
    expect((await partOf("change", "pull-request", headOf({ id: 4117 }))).fork).toBe(false);
    expect(await partOf("change", "pull-request", headOf(null))).not.toHaveProperty("fork");
  });

  it.each([
    ["synchronize", {}, ["code"]],
    ["unlabeled", {}, ["labels"]],
    ["review_requested", {}, ["reviewers"]],
    ["assigned", {}, ["assignees"]],
    ["ready_for_review", {}, ["draft"]],
    ["milestoned", {}, ["milestone"]],
    ["edited", { title: { from: "a" }, body: { from: "b" } }, ["title", "description"]],
    ["edited", { base: { ref: { from: "main" } } }, ["target_branch"]],
    ["edited", {}, ["other"]],
  ])("the action %s with the changes %j changes %j", async (action, changes, changed) => {
    expect(await partOf("change", "pull-request", { action, changes })).toMatchObject({ changed });
  });

  it.each(["locked", "enqueued", "auto_merge_enabled", "something_new"])("the action %s is ignored", async (action) => {
    const reading = await read({ ...bodyOf("pull-request"), action }, { "x-github-event": "pull_request" });
    expect(reading).toMatchObject({ outcome: "ignored", kind: `pull_request.${action}` });
  });

  it("two labels that one person adds within one second are two events", async () => {
    const withLabel = (label: Body) => keyOf("pull-request-labeled", { label });
    expect(await withLabel({ name: "a" })).not.toBe(await withLabel({ name: "b" }));
  });
});

describe("a push", () => {
  it("a push that is reported to two webhooks is one event, and the same move at another time is another", async () => {
    const at = (pushed_at: unknown) => keyOf("push", { repository: { pushed_at } });
    expect(await at(1793609560)).toBe(await keyOf("push"));
    expect(await at(1793609620)).not.toBe(await keyOf("push"));
  });

  it("a push without a time is undated", async () =>
    expect(await eventOf("push", { repository: { pushed_at: "soon" } })).toMatchObject({ undated: true }));

  it("a push of another reference than a branch or tag is ignored", async () => {
    const reading = await read({ ...bodyOf("push"), ref: "refs/pull/41/head" }, { "x-github-event": "push" });
    expect(reading).toMatchObject({ outcome: "ignored" });
  });

  it("a push has incomplete paths if it was forced, or if GitHub does not say so", async () => {
    expect((await partOf("code", "push", {})).paths.incomplete).toBeUndefined();
    for (const forced of [true, undefined, null]) {
      expect((await partOf("code", "push", { forced })).paths.incomplete).toBe(true);
    }
  });

  it("a push with as many commits as GitHub reports at most has truncated paths", async () => {
    const commits = Array(2048).fill({ id: "c4a1", message: "Edit", added: ["a.md"], modified: [], removed: [] });
    const { paths, commitCount } = await partOf("code", "push", { commits });
    expect([paths.truncated, commitCount]).toEqual([true, 2048]);
  });
});

describe("the order of a run's reports", () => {
  const report = async (action: string, run: Body): Promise<BuildPart> =>
    partOf("build", "workflow-run", { action, workflow_run: run });

  it("each later report of a run is later, also if it waited and is run again", async () => {
    const reports = [
      await report("requested", { status: "queued", updated_at: "2026-11-02T08:53:02Z" }),
      await report("completed", { conclusion: "action_required", updated_at: "2026-11-02T08:53:02Z" }),
      await report("in_progress", { status: "in_progress", updated_at: "2026-11-02T08:54:00Z" }),
      await report("completed", { conclusion: "failure", updated_at: "2026-11-02T08:57:45Z" }),
      await report("requested", { status: "queued", run_attempt: 2, updated_at: "2026-11-02T09:05:00Z" }),
      await report("in_progress", { status: "in_progress", run_attempt: 2, updated_at: "2026-11-02T09:05:00Z" }),
      await report("completed", { conclusion: "success", run_attempt: 2, updated_at: "2026-11-02T09:09:31Z" }),
    ];
    expect(reports.map(({ state }) => state)).toEqual([
      "queued",
      "waiting",
      "running",
      "failed",
      "queued",
      "running",
      "succeeded",
    ]);
    const [first, ...others] = reports;
    let before = first;
    for (const next of others) {
      expect(before && compareStates(next, before), next.state).toBeGreaterThan(0);
      before = next;
    }
  });

  it("the tenth attempt is later than the ninth", async () => {
    const attempt = (run_attempt: number) => report("completed", { run_attempt });
    expect(compareStates(await attempt(10), await attempt(9))).toBeGreaterThan(0);
  });

  it("two attempts that end alike are two events if their number cannot be read", async () => {
    const attempt = (updated_at: string) => keyOf("workflow-run", { workflow_run: { run_attempt: null, updated_at } });
    expect(await attempt("2026-11-02T09:05:00Z")).not.toBe(await attempt("2026-11-02T09:25:00Z"));
    expect(await attempt("2026-11-02T09:05:00Z")).toBe(await attempt("2026-11-02T09:05:00Z"));
  });

  it("two attempts that end alike are two events, and two webhooks that report one are one", async () => {
    const attempt = (run_attempt: number) => keyOf("workflow-run", { workflow_run: { run_attempt } });
    expect(await attempt(2)).not.toBe(await attempt(1));
    expect(await attempt(1)).toBe(await keyOf("workflow-run", { organization: { id: 1 } }));
  });
});

describe("a conclusion", () => {
  it.each([
    ["success", "succeeded"],
    ["failure", "failed"],
    ["startup_failure", "failed"],
    ["cancelled", "cancelled"],
    ["timed_out", "timed_out"],
    ["stale", "timed_out"],
    ["skipped", "skipped"],
    ["neutral", "skipped"],
    ["action_required", "waiting"],
  ])("a run that ends with %s is %s", async (conclusion, state) => {
    expect(await runOf({ conclusion })).toMatchObject({ state });
  });

  it("a new conclusion is ignored by its name", async () => {
    const body = bodyOf("workflow-run");
    const changed = { ...body, workflow_run: { ...Object(body["workflow_run"]), conclusion: "paused" } };
    expect(await read(changed, { "x-github-event": "workflow_run" })).toMatchObject({
      outcome: "ignored",
      kind: "workflow_run.paused",
    });
  });

  it("a run that waits for a person when it is requested waits", async () =>
    expect(await partOf("build", "workflow-run-requested", { workflow_run: { status: "waiting" } })).toMatchObject({
      state: "waiting",
    }));
});

describe("a deployment", () => {
  it("each status of a deployment is an event of its own, and its creation another", async () => {
    const names = ["deployment", "deployment-waiting", "deployment-in-progress", "deployment-success"];
    expect(new Set(await Promise.all(names.map((name) => keyOf(name)))).size).toBe(names.length);
  });
});

describe("a release", () => {
  it("a draft is not published, whatever its action", async () => {
    const body = bodyOf("release");
    const draft = { ...body, release: { ...Object(body["release"]), draft: true } };
    expect(await read(draft, { "x-github-event": "release" })).toMatchObject({ outcome: "ignored" });
  });

  it.each([
    ["deleted", false],
    ["unpublished", true],
  ])("a release that is %s is at its end", async (action, draft) => {
    const body = bodyOf("release");
    const changed = { ...body, action, release: { ...Object(body["release"]), draft } };
    expect(await read(changed, { "x-github-event": "release" })).toMatchObject({
      outcome: "event",
      events: [{ type: "release.deleted", undated: true }],
    });
  });

  it("the commit of a release is that of its target only if it is one", async () => {
    const target = (target_commitish: string) => partOf("release", "release", { release: { target_commitish } });
    expect(await target("main")).not.toHaveProperty("commit");
    expect(await target("c4a1e7d20f9b8364517a2c6d8e0f1b3a5c7d9e2f")).toMatchObject({ commit: expect.any(String) });
  });
});

describe("the largest push that a sender can make", () => {
  it.each(LARGE_CHARACTERS)("a push whose texts are %s is smaller than 200 KB on the bus", async (_, character) => {
    const event = await eventOf("push", largestPush(character));
    expect(event).toMatchObject({ code: { commits: { length: 20 }, paths: { changed: { length: 100 }, count: 150 } } });
    expect(Buffer.byteLength(JSON.stringify(event))).toBeLessThan(LARGEST_EVENT_BYTES);
  });
});
