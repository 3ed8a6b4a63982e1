import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { gitlab } from "../../shared/actions/gitlab/index.ts";
import { callOut } from "../../shared/host/call-out.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import type { BuildPart } from "../../shared/model/event.ts";
import { memoryStores } from "../support/memory-stores.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { benchFor, buildEntry } from "../support/sandbox-confluence-action.ts";
import { type SandboxGitlab, startSandboxGitlab } from "../support/sandbox-gitlab.ts";
import { actionDeps, secretsOf, type TestClock, testClock } from "../support/test-doubles.ts";

const PAGE = "98310";
const MINUTE_MS = 60_000;

let wiki: SandboxConfluence;
let sandbox: SandboxGitlab;
let clock: TestClock;
let stores: ReturnType<typeof memoryStores>;
beforeEach(async () => {
  wiki = await startSandboxConfluence({ product: "data-center", pages: [{}, { id: "98311", title: "Plan" }] });
  sandbox = await startSandboxGitlab();
  clock = testClock();
  stores = memoryStores({ clock });
});
afterEach(() => Promise.all([wiki.close(), sandbox.close()]));

/** A pipeline of merge request 41, as GitLab reports it. */
function pipeline(changes: Partial<BuildPart> = {}, detail: object = {}): BusEvent {
  const { number = 512 } = changes;
  const entry = buildEntry({
    system: "gitlab",
    pipeline: "platform/docs",
    url: `${sandbox.url}/platform/docs/-/pipelines/${number}`,
    change: { id: "41", targetProject: "platform/docs" },
    ...changes,
  });
  return { ...entry, source: "drawbridge.gitlab", detail: { ...entry.detail, ...detail } };
}
const replayOf = (busEvent: BusEvent): BusEvent => ({
  ...busEvent,
  detail: { ...busEvent.detail, replay: { of: "d-1", routes: ["comment"], isRollback: false } },
});

const write = (busEvent: BusEvent, { page = PAGE, target = {} } = {}) =>
  benchFor(wiki, "data-center", { ...stores, clock, options: { page, whenMissing: "append" }, target }).run(busEvent);

function comment(busEvent: BusEvent, target: object = {}) {
  const settings = { route: "comment", targetName: "commits", options: { comment: "pages" } };
  const { boards, changeComments } = stores;
  return gitlab
    .connect(
      { ...settings, target: { url: sandbox.url, token: "env:TOKEN", ...target } },
      actionDeps({ secrets: secretsOf({ TOKEN: sandbox.token }), callOut, clock, boards, changeComments }),
    )
    .run({ busEvent, origin: busEvent, originProof: "proved", attempt: 1, signal: new AbortController().signal });
}

const comments = () => sandbox.mergeRequest.comments;
const bodies = () => comments().map(({ body }) => body);
const writes = () => sandbox.requests.filter(({ method }) => method !== "GET").length;
const id = () => comments()[0]?.id ?? 0;
const link = (page = PAGE) => `${wiki.site("data-center")}/pages/viewpage.action?pageId=${page}`;

/** Shows the end of a run on the page and then in the comment. */
async function end(busEvent: BusEvent) {
  await write(busEvent);
  return comment(busEvent);
}

describe("the comment on a merge request", () => {
  test("it lists the pages that show the end of its pipelines, in one comment, and a later run changes its lines", async () => {
    expect(await end(pipeline())).toEqual({
      outcome: "done",
      summary: "the comment on platform/docs!41 lists the pages",
      facts: { comment: String(id()) },
    });
    const title = wiki.page(PAGE).latest.title;
    const [first] = bodies();
    expect(first).toBe(
      [
        "<!-- drawbridge:comment -->",
        "<!-- drawbridge:pages -->",
        "**Pages that show the pipelines of this merge request**",
        "",
        `- **succeeded**: [\`${title}\`](<${link()}>) (\`platform/docs\`, 2026-11-02 09:01 UTC)`,
        "",
        "_Kept by Drawbridge. An edit of this list is replaced; text outside of it stays._",
        "<!-- /drawbridge:pages -->",
      ].join("\n"),
    );
    await write(pipeline({ number: 513, state: "failed", createdAt: "2026-11-02T09:10:00.000Z" }), { page: "98311" });
    await comment(pipeline({ number: 513, state: "failed", createdAt: "2026-11-02T09:10:00.000Z" }));
    expect(comments()).toHaveLength(1);
    expect(
      bodies()[0]
        ?.split("\n")
        .filter((line) => line.startsWith("- ")),
    ).toEqual([
      expect.stringContaining("**failed**: [`Plan`]"),
      expect.stringContaining(`**succeeded**: [\`${title}\`]`),
    ]);
  });

  test("a repeated end makes no call that writes, and a run that goes on makes no call", async () => {
    await end(pipeline());
    expect(await end(pipeline())).toMatchObject({ summary: expect.stringContaining("lists the pages already") });
    expect(writes()).toBe(1);
    const before = sandbox.requests.length;
    expect(await end(pipeline({ number: 513, state: "running" }))).toMatchObject({ outcome: "done" });
    expect(sandbox.requests).toHaveLength(before);
  });

  test("it waits for a page that is written later, ever longer, and ends if no page is written", async () => {
    const waits: number[] = [];
    for (;;) {
      const outcome = await comment(pipeline());
      if (outcome.outcome !== "wait") {
        expect(outcome).toEqual({ outcome: "done", summary: "no page was written for this run" });
        break;
      }
      waits.push(outcome.afterSeconds);
      clock.advance(outcome.afterSeconds * 1_000);
    }
    expect(waits.length).toBeLessThan(16);
    expect(waits[0]).toBe(5);
    // A person asks for it again after the page was written at last.
    await write(pipeline());
    expect(await comment(replayOf(pipeline()))).toMatchObject({ outcome: "done" });
    expect(comments()).toHaveLength(1);
    expect(sandbox.requests.filter(({ method }) => method === "GET")).not.toHaveLength(0);
  });

  test("the page's pace delays the comment, and both pages of a run go into one update", async () => {
    const paced = { target: { progressSeconds: 60, endSeconds: 60 } };
    await write(buildEntry({ pipeline: "other" }), paced);
    clock.advance(1_000);
    const late = await write(pipeline(), paced);
    expect(late).toMatchObject({ outcome: "wait" });
    await write(pipeline(), { page: "98311" });
    expect(await comment(pipeline())).toMatchObject({ outcome: "wait" });
    expect(comments()).toEqual([]);
    clock.advance(62_000);
    expect(await write(pipeline(), paced)).toMatchObject({ outcome: "done" });
    expect(await comment(pipeline())).toMatchObject({ outcome: "done" });
    expect(writes()).toBe(1);
    expect(
      bodies()[0]
        ?.match(/pageId=\d+/g)
        ?.sort(),
    ).toEqual([`pageId=${PAGE}`, "pageId=98311"]);
  });

  test("a page that is blocked for long does not delay the others, and is listed when it is written", async () => {
    const paced = { target: { progressSeconds: 3_600, endSeconds: 3_600 } };
    await write(buildEntry({ pipeline: "other" }), paced);
    await write(pipeline(), paced);
    await write(pipeline(), { page: "98311" });
    await comment(pipeline());
    clock.advance(3 * MINUTE_MS);
    expect(await comment(pipeline())).toMatchObject({ outcome: "wait", isLong: true });
    expect(bodies()[0]).not.toContain(PAGE);
    clock.advance(60 * MINUTE_MS);
    await write(pipeline(), paced);
    expect(await comment(pipeline())).toMatchObject({ outcome: "done" });
    expect(bodies()[0]).toContain(PAGE);
    expect(comments()).toHaveLength(1);
  });

  test("attempts at the same time create one comment", async () => {
    const events = [pipeline(), pipeline({ pipeline: "platform/docs (nightly)", id: "run-600", number: 600 })];
    for (const event of events) await write(event);
    const outcomes = await Promise.all([...events, ...events].map((event) => comment(event)));
    expect(outcomes.filter(({ outcome }) => outcome === "wait")).toHaveLength(3);
    for (const event of events) await comment(event);
    expect(comments()).toHaveLength(1);
    expect(writes()).toBe(1);
    expect(bodies()[0]).toContain("(nightly)");
  });

  test("a comment that was created before a crash is found again, if this account wrote it", async () => {
    sandbox.mergeRequest.add(
      "<!-- drawbridge:comment -->\n<!-- drawbridge:pages -->\nmine\n<!-- /drawbridge:pages -->",
    );
    for (let n = 0; n < 60; n++) sandbox.mergeRequest.add(`comment ${n}`);
    sandbox.answerNext("POST", { kind: "landed" });
    expect(await end(pipeline())).toMatchObject({ outcome: "retry", unknownOutcome: true });
    expect(comments()).toHaveLength(62);
    expect(await comment(pipeline())).toMatchObject({ outcome: "done", summary: expect.stringContaining("already") });
    expect(comments()).toHaveLength(62);
    expect(bodies()[0]).toContain("mine");
  });

  test("a lease that a crash left behind ends by itself", async () => {
    await write(pipeline());
    const change = { system: sandbox.url, project: "platform/docs", id: "41" };
    const until = clock.now() + 70_000;
    await stores.changeComments.lease(change, clock.now(), until as ReturnType<TestClock["now"]>);
    expect(await comment(pipeline())).toMatchObject({ outcome: "wait" });
    clock.advance(71_000);
    expect(await comment(pipeline())).toMatchObject({ outcome: "done" });
    expect(comments()).toHaveLength(1);
  });

  test("a comment that a person deleted is not written again, until somebody asks for a replay", async () => {
    await end(pipeline());
    sandbox.mergeRequest.remove(id());
    const next = pipeline({ number: 513, createdAt: "2026-11-02T09:10:00.000Z", state: "failed" });
    expect(await end(next)).toEqual({ outcome: "done", summary: "a person deleted the comment on platform/docs!41" });
    expect(await comment(next)).toMatchObject({ summary: expect.stringContaining("is not written again") });
    expect(comments()).toEqual([]);
    expect(await comment(replayOf(next))).toMatchObject({ outcome: "done" });
    expect(comments()).toHaveLength(1);
    const last = pipeline({ number: 514, createdAt: "2026-11-02T09:20:00.000Z" });
    await end(last);
    expect(bodies()).toEqual([expect.stringContaining("**succeeded**")]);
  });

  test("a person's words in the comment stay, and the edited list is replaced", async () => {
    await end(pipeline());
    const body = bodies()[0] ?? "";
    sandbox.mergeRequest.edit(id(), `Look here\n${body.replace("succeeded", "fine")}\n\nbelow /merge`);
    await end(pipeline({ number: 513, createdAt: "2026-11-02T09:10:00.000Z", state: "failed" }));
    expect(bodies()[0]).toMatch(/^<!-- drawbridge:comment -->\nLook here\n/);
    expect(bodies()[0]).toMatch(/<!-- \/drawbridge:pages -->\n\nbelow \/merge$/);
    expect(bodies()[0]).not.toContain("fine");
    expect(bodies()[0]).toContain("**failed**");
  });

  test("after the token has become that of another account, a comment of that account is written", async () => {
    await end(pipeline());
    const old = bodies()[0] ?? "";
    sandbox.mergeRequest.remove(id());
    const former = sandbox.mergeRequest.add(old);
    const change = { system: sandbox.url, project: "platform/docs", id: "41" };
    const lease = await stores.changeComments.lease(change, clock.now(), clock.now());
    if (lease) await stores.changeComments.release(change, lease, { id: String(former) });
    const next = pipeline({ number: 513, createdAt: "2026-11-02T09:10:00.000Z", state: "failed" });
    sandbox.answerNext("PUT", { kind: "answer", status: 403 });
    expect(await end(next)).toMatchObject({ outcome: "retry" });
    expect(await comment(next)).toMatchObject({ outcome: "done" });
    expect(bodies()).toEqual([old, expect.stringContaining("**failed**")]);
  });

  test("two sources that report the same merge request share its comment", async () => {
    await end(pipeline());
    await end(pipeline({ number: 513, pipeline: "platform/docs (nightly)" }, { source: "/sources/group-hook" }));
    expect(bodies()).toEqual([expect.stringContaining("(nightly)")]);
    expect(
      bodies()[0]
        ?.split("\n")
        .filter((line) => line.startsWith("- ")),
    ).toHaveLength(2);
  });

  test.each(["merged", "closed"] as const)(
    "the comment on a merge request that is %s stays as it is",
    async (state) => {
      sandbox.mergeRequest.state = state;
      expect(await end(pipeline())).toMatchObject({
        summary: "platform/docs!41 is merged or closed, and its comment stays as it is",
      });
      expect(writes()).toBe(0);
      sandbox.mergeRequest.state = "opened";
      expect(await comment(pipeline())).toMatchObject({ outcome: "done" });
      expect(comments()).toHaveLength(1);
    },
  );

  test("a link to another host is left out", async () => {
    await write(pipeline());
    await comment(pipeline(), { linkHosts: ["ci.example.test"] });
    expect(bodies()[0]).not.toContain("http");
    expect(bodies()[0]).toContain(`- **succeeded**: \`${wiki.page(PAGE).latest.title}\` (`);
  });

  test("a run that another merge request event caused counts for that merge request", async () => {
    const change = {
      id: "41",
      number: 41,
      project: "platform/docs",
      url: `${sandbox.url}/platform/docs/-/merge_requests/41`,
    };
    const opened = pipeline({}, { type: "change.opened", change, build: undefined });
    const origin = { ...opened, detail: { ...opened.detail } };
    const tekton = buildEntry({ pipeline: "ci/docs" });
    const bench = benchFor(wiki, "data-center", { ...stores, clock, options: { page: PAGE } });
    await bench.run(tekton, { origin });
    const settings = { route: "comment", targetName: "commits", options: { comment: "pages" } };
    const { boards, changeComments } = stores;
    const connected = gitlab.connect(
      { ...settings, target: { url: sandbox.url, token: "env:TOKEN" } },
      actionDeps({ secrets: secretsOf({ TOKEN: sandbox.token }), callOut, clock, boards, changeComments }),
    );
    const signal = new AbortController().signal;
    const context = { busEvent: tekton, origin, originProof: "proved", attempt: 1, signal } as const;
    expect(await connected.run(context)).toMatchObject({ outcome: "done" });
    expect(bodies()[0]).toContain("`ci/docs`");
  });

  test.each([
    ["another instance", { url: "https://gitlab.example.org/platform/docs/-/pipelines/512" }, {}],
    ["no merge request", { change: undefined }, {}],
    ["a merge request without a number", { change: { targetProject: "platform/docs" } }, {}],
    ["a project whose path is not known", { change: { id: "41", targetProject: "4117" } }, {}],
    ["a project that is not listed", {}, { projects: ["platform/x"] }],
  ])("a run of %s makes no call", async (_, changes, target) => {
    await write(pipeline(changes as Partial<BuildPart>));
    const outcome = await comment(pipeline(changes as Partial<BuildPart>), target);
    expect(outcome).toMatchObject({ outcome: "done", summary: expect.stringMatching(/^no comment: /) });
    expect(sandbox.requests).toEqual([]);
  });

  test.each([
    [401, "retry"],
    [403, "give_up"],
    [404, "give_up"],
    [429, "retry"],
    [502, "retry"],
  ])("an answer %i ends the attempt as %s, and the page keeps what it shows", async (status, outcome) => {
    await write(pipeline());
    sandbox.answerNext("GET", { kind: "answer", status });
    expect(await comment(pipeline())).toMatchObject({ outcome });
    sandbox.answerNext("POST", { kind: "answer", status });
    expect(await comment(pipeline())).toMatchObject({ outcome });
    expect(wiki.page(PAGE).versions).toHaveLength(2);
    expect(await comment(pipeline())).toMatchObject({ outcome: "done" });
    expect(comments()).toHaveLength(1);
  });
});
