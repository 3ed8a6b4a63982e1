import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import type { BuildPart, ChangeEvent } from "../../shared/model/event.ts";
import { memoryStores } from "../support/memory-stores.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { type Bench, type BenchOptions, benchFor, buildEntry, entryOf } from "../support/sandbox-confluence-action.ts";

const PAGE = "98310";
const PROJECT = "ci/docs";
const AT = { before: "2026-11-02T08:30:00.000Z", gone: "2026-11-02T10:00:00.000Z", later: "2026-11-02T11:00:00.000Z" };
const CHANGE = { id: "37", sourceProject: PROJECT, targetProject: PROJECT, sourceBranch: "drill" } as const;

const deleted = (name: string, { kind = "heads", time = AT.gone } = {}): BusEvent =>
  entryOf(`d-deleted-${kind}-${name}`, {
    type: "code.deleted",
    time,
    subject: `${PROJECT} ${name}`,
    code: { project: PROJECT, ref: `refs/${kind}/${name}`, name, change: "deleted", commits: [], commitCount: 0 },
  });

const changed = (type: ChangeEvent["type"], time = AT.gone): BusEvent =>
  entryOf(`d-${type}-${time}`, {
    type,
    time,
    subject: `${PROJECT}!37`,
    change: { ...CHANGE, project: PROJECT, number: 37 },
  });

const stopped = (action: { readonly stopsEnvironment?: boolean } = { stopsEnvironment: true }): BusEvent =>
  entryOf("d-stopped", {
    type: "job.succeeded",
    time: AT.gone,
    subject: "stop_review",
    job: {
      system: "gitlab",
      id: "880044",
      name: "stop_review",
      state: "succeeded",
      pipeline: PROJECT,
      environment: "review/drill",
      ...action,
    },
  });

const deployed = (id: string, time: string): BusEvent =>
  entryOf(`d-deployment-${id}`, {
    type: "deployment.succeeded",
    time,
    subject: "review/drill",
    deployment: { project: PROJECT, id, environment: "review/drill", state: "succeeded" },
  });

const from = (source: string, event: BusEvent): BusEvent => ({ ...event, detail: { ...event.detail, source } });

describe("rows of what is gone", () => {
  let sandbox: SandboxConfluence;
  let bench: Bench;
  beforeEach(async () => {
    sandbox = await startSandboxConfluence({ product: "data-center" });
    bench = connect();
  });
  afterEach(() => sandbox.close());

  const connect = (changes: BenchOptions = {}) => {
    const { boards, changeLinks } = memoryStores();
    return benchFor(sandbox, "data-center", { boards, changeLinks, ...changes });
  };
  const versions = () => sandbox.page(PAGE).versions.length;
  /** The third cell of each row. */
  const places = () =>
    Array.from(
      (sandbox.page(PAGE).latest.body.split("Build status")[1] ?? "").matchAll(/<tr><td>.*?<\/tr>/g),
      ([row]) => (row.split("</td>")[2] ?? "").replace(/<[^>]*>/g, ""),
    );
  const report = (changes: Partial<BuildPart>, { run } = bench) => run(buildEntry(changes));
  const main = { number: 1, branch: "main" } as const;

  test.each<[string, Partial<BuildPart>, BusEvent]>([
    ["a branch goes when it is deleted", { branch: "drill" }, deleted("drill")],
    ["a tag goes when it is deleted", { tag: "v1" }, deleted("v1", { kind: "tags" })],
    ["a branch or tag goes when a branch is deleted", { refName: "drill" }, deleted("drill")],
    ["a merge request goes when it is merged", { change: CHANGE }, changed("change.merged")],
    ["a merge request goes when it is closed", { change: CHANGE }, changed("change.closed")],
    [
      "a merge request without a number goes with its branch",
      { change: { sourceProject: PROJECT, sourceBranch: "drill" } },
      deleted("drill"),
    ],
  ])("the row of %s, and only a newer run brings it back", async (_, place, end) => {
    await report(main);
    const run = { ...place, number: 2, pipeline: `${PROJECT} (nightly)` };
    await report({ ...run, state: "failed" });
    expect(places()).toHaveLength(2);
    await expect(bench.run(end)).resolves.toMatchObject({
      outcome: "done",
      summary: expect.stringContaining(" gone: "),
    });
    expect(places()).toEqual(["main"]);
    const after = versions();
    await bench.run(end);
    await expect(report({ ...run, state: "failed" })).resolves.toMatchObject({
      summary: `page ${PAGE}: the branch, tag, change request or environment of this run is gone`,
    });
    await report({ ...run, state: "succeeded", finishedAt: AT.later });
    expect([versions(), places()]).toEqual([after, ["main"]]);
    await report({ ...run, number: 3, createdAt: AT.later, finishedAt: AT.later });
    expect(places()).toHaveLength(2);
  });

  test("the row of an environment goes when a job stops it, and the next deployment brings it back", async () => {
    await bench.run(deployed("1", AT.before));
    await expect(bench.run(stopped({}))).resolves.toEqual({
      outcome: "done",
      summary: "a job that stops no environment",
    });
    expect(places()).toEqual(["review/drill"]);
    await bench.run(stopped());
    expect(places()).toEqual([]);
    await bench.run(deployed("2", AT.later));
    expect(places()).toEqual(["review/drill"]);
  });

  test("a report that arrives after the end makes no row, also on a page that has never had one", async () => {
    await report(main);
    await expect(bench.run(deleted("drill"))).resolves.toEqual({
      outcome: "done",
      summary: "drill of ci/docs has no row on a page",
    });
    await report({ number: 2, branch: "drill" });
    expect([places(), versions()]).toEqual([["main"], 2]);
    await report({ number: 3, branch: "drill", createdAt: AT.later });
    expect(places()).toEqual(["drill", "main"]);
  });

  test("a reopened merge request has its last run again, whatever the order of arrival", async () => {
    await report({ number: 2, change: CHANGE });
    await bench.run(changed("change.opened", AT.before));
    await bench.run(changed("change.closed"));
    expect(places()).toEqual([]);
    await expect(bench.run(changed("change.opened", AT.later))).resolves.toMatchObject({
      summary: expect.stringContaining(`ci/docs!37 is there again: page ${PAGE}`),
    });
    expect(places()).toEqual(["change 37"]);
    await bench.run(changed("change.closed"));
    expect(places()).toEqual(["change 37"]);
  });

  test("a row goes at the next attempt if the one that recorded the end died before it wrote the page", async () => {
    const { boards } = memoryStores();
    bench = connect({ boards });
    await report(main);
    await report({ number: 2, branch: "drill" });
    const crash = connect({ boards, callOut: () => Promise.reject(new Error("the process ended")) });
    await expect(crash.run(deleted("drill"))).rejects.toThrow("the process ended");
    expect(places()).toEqual(["drill", "main"]);
    await bench.run(deleted("drill"));
    expect(places()).toEqual(["main"]);
  });

  test("the end counts for rows of the source that reported it, and for runs that its push started", async () => {
    await report({ number: 2, branch: "drill" });
    await expect(bench.run(from("/sources/other", deleted("drill")))).resolves.toMatchObject({
      summary: "drill of ci/docs has no row on a page",
    });
    expect(places()).toEqual(["drill"]);
    const push = entryOf("d-push", {
      type: "code.pushed",
      time: AT.before,
      subject: PROJECT,
      code: { project: PROJECT, ref: "refs/heads/fix", name: "fix", change: "updated", commits: [], commitCount: 0 },
    });
    const run = from("/sources/cluster", buildEntry({ number: 3, branch: "fix", pipeline: "ns/build" }));
    await bench.run(run, { origin: push });
    await bench.run(deleted("fix"));
    expect(places()).toEqual(["drill"]);
  });

  test("a sender that is not proved ends nothing", async () => {
    await report({ number: 2, branch: "drill" });
    const end = deleted("drill");
    const principal = { ...end.detail.principal, unproved: true as const };
    await expect(bench.run({ ...end, detail: { ...end.detail, principal } })).resolves.toMatchObject({
      summary: "drill of ci/docs: its rows stay, because the sender is not proved",
    });
    expect(places()).toEqual(["drill"]);
  });

  test("with onlyChanges a failure goes at once, and a row that passed goes with the next version", async () => {
    bench = connect({ target: { onlyChanges: true } });
    await report({ ...main, state: "failed" });
    await report({ number: 2, branch: "drill", state: "succeeded" });
    await report({ number: 3, branch: "fix", state: "failed" });
    const before = versions();
    await expect(bench.run(deleted("drill"))).resolves.toMatchObject({
      summary: expect.stringContaining("keeps version"),
    });
    expect(versions()).toBe(before);
    await bench.run(deleted("fix"));
    expect([versions(), places()]).toEqual([before + 1, ["main"]]);
    await bench.run(deleted("fix"));
    expect(versions()).toBe(before + 1);
  });
});

describe("rows of what a route holds back", () => {
  let sandbox: SandboxConfluence;
  let bench: Bench;
  beforeEach(async () => {
    sandbox = await startSandboxConfluence({ product: "data-center" });
    const { boards, changeLinks } = memoryStores();
    bench = benchFor(sandbox, "data-center", { boards, changeLinks });
  });
  afterEach(() => sandbox.close());

  type Held = Extract<BusEvent["detail"], { readonly flow: object }>;
  const held = (type: Held["type"], time: string, flow: Partial<Held["flow"]> = {}): BusEvent =>
    entryOf(`d-${type}-${time}-${flow.text}`, {
      type,
      time,
      subject: "docs of 98310",
      flow: { route: "docs", of: "d-2", ...flow },
      origin: { delivery: "d-2" },
    });
  const rows = () =>
    Array.from(
      (sandbox.page(PAGE).latest.body.split("Build status")[1] ?? "").matchAll(/<tr><td>.*?<\/tr>/g),
      ([row]) =>
        row
          .split("</td>")
          .slice(0, 2)
          .map((cell) => cell.replace(/<ac:parameter ac:name="colour">\w+<\/ac:parameter>|<[^>]*>/g, " "))
          .join(":")
          .replace(/\s+/g, " ")
          .trim(),
    );
  const versions = () => sandbox.page(PAGE).versions.length;
  const first = held("flow.waiting", AT.before, { text: "waits for the end of the run of d-1" });
  const second = held("flow.waiting", "2026-11-02T09:00:00.000Z", { text: "waits for another attempt" });
  const ended = held("flow.ended", AT.gone);
  const other = held("flow.waiting", AT.before, { of: "d-3", text: "waits for its turn" });

  test("a run that waits is shown with what it waits for, until it waits no more", async () => {
    await bench.run(buildEntry({ number: 1, branch: "main" }));
    const [build = ""] = rows();
    await bench.run(first);
    await bench.run(other);
    expect(rows().join()).toMatch(/WAITING waits for the end of the run of d-1/);
    expect(rows().join()).toMatch(/WAITING waits for its turn/);
    await bench.run(second);
    expect(rows()).toHaveLength(3);
    expect(rows().join()).toMatch(/WAITING waits for another attempt/);
    await bench.run(ended);
    const after = versions();
    expect(rows()).toHaveLength(2);
    for (const again of [ended, first, second]) await bench.run(again);
    expect([versions(), rows().length]).toEqual([after, 2]);
    await bench.run(held("flow.ended", AT.gone, { of: "d-3" }));
    expect(rows()).toEqual([build]);
  });

  test("the page is the same for every order of the events", async () => {
    await bench.run(buildEntry({ number: 1, branch: "main" }));
    const [build = ""] = rows();
    for (const one of [ended, second, first]) await bench.run(one);
    expect(rows()).toEqual([build]);
    await bench.run(held("flow.waiting", AT.later, { text: "waits for the end of the run of d-9" }));
    await bench.run(second);
    expect(rows().join()).toContain("d-9");
  });

  test("an environment that is behind is shown, with the newest number, until it is level", async () => {
    const behind = (time: string, text: string) => held("flow.behind", time, { of: "production", text });
    await bench.run(behind("2026-11-02T09:00:00.000Z", "production is 3 commits behind staging"));
    await bench.run(behind(AT.before, "production is 2 commits behind staging"));
    expect(rows()).toEqual([expect.stringMatching(/^docs.* BEHIND production is 3 commits behind staging/)]);
    await bench.run(held("flow.level", AT.gone, { of: "production" }));
    expect(rows()).toEqual([]);
    expect(sandbox.page(PAGE).latest.body).not.toContain("BEHIND");
    await bench.run(behind(AT.later, "production is 1 commit behind staging"));
    expect(rows()).toEqual([expect.stringContaining("1 commit behind")]);
  });
});
