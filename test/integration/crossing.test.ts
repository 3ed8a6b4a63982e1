import { afterEach, describe, expect, it } from "vitest";
import { laterBy, systemClock } from "../../shared/host/clock.ts";
import type { SandboxListenerOptions } from "../support/sandbox-listener.ts";
import { PAGE, standaloneBridge } from "../support/standalone-bridge.ts";
import { until } from "../support/until.ts";

let bridge: Awaited<ReturnType<typeof standaloneBridge>>;
afterEach(() => bridge.stop());

async function start(options: SandboxListenerOptions = {}): Promise<void> {
  bridge = await standaloneBridge(options);
}

const EDIT = {
  timestamp: 1_793_600_000_000,
  event: "page_updated",
  userKey: "robin.example",
  page: { id: Number(PAGE) },
};

const push = (site: string) => ({
  object_kind: "push",
  before: "1".repeat(40),
  after: "2".repeat(40),
  ref: "refs/heads/main",
  checkout_sha: "2".repeat(40),
  user_id: 7,
  user_username: "robin",
  project_id: 15,
  project: { id: 15, path_with_namespace: "platform/docs", web_url: "https://gitlab.example.test/platform/docs" },
  commits: [
    {
      id: "2".repeat(40),
      message: `Describe release 4\n\nSee ${site}/pages/viewpage.action?pageId=${PAGE}`,
      timestamp: "2026-11-02T08:59:00Z",
    },
  ],
  total_commits_count: 1,
});

const page = () => bridge.confluence.page(PAGE).latest;

describe("a page edit", () => {
  it("an edit fires one run, and its result is written to the page", async () => {
    await start();
    expect((await bridge.pageEdit(EDIT)).status).toBe(202);
    await until("the page to show PASSED", page, ({ body }) => body.includes("PASSED"));
    await bridge.listener.settled();
    expect(bridge.listener.requests).toHaveLength(1);
    expect(bridge.listener.rejections).toEqual([]);
    expect(page().message).toMatch(/PASSED \[d-[a-z2-7]{26}\]$/);
  });

  it("an edit that is sent fifty times at once makes one record, one trigger and fifty successful responses", async () => {
    await start();
    const answers = await Promise.all(Array.from({ length: 50 }, () => bridge.pageEdit(EDIT)));
    const receipts = await Promise.all(answers.map((answer) => answer.json() as Promise<Record<string, string>>));
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses, `the receipts are ${JSON.stringify(receipts)}`).toEqual([...Array(49).fill(200), 202]);
    expect(new Set(receipts.map(({ delivery }) => delivery)).size).toBe(1);
    await until("the page to show PASSED", page, ({ body }) => body.includes("PASSED"));
    expect(bridge.listener.requests).toHaveLength(1);
  });

  it("a run without annotations is correlated by the listener's event id", async () => {
    await start({ annotate: false });
    await bridge.pageEdit(EDIT);
    await until("the page to show PASSED", page, ({ body }) => body.includes("PASSED"));
  });

  it.each([
    ["Failed", "FAILED"],
    ["Cancelled", "CANCELLED"],
    ["PipelineRunTimeout", "TIMED OUT"],
  ] as const)("a run that ends as %s is shown as %s", async (reason, shown) => {
    await start({ resultFor: () => ({ reason }) });
    await bridge.pageEdit(EDIT);
    await until(`the page to show ${shown}`, page, ({ body }) => body.includes(shown));
  });

  it("a run that is reported again after a restart of the cluster causes no further writes", async () => {
    let aheadMs = 0;
    await start({ clock: { ...systemClock, now: () => laterBy(systemClock.now(), aheadMs) } });
    await bridge.pageEdit(EDIT);
    await until("the page to show PASSED", page, ({ body }) => body.includes("PASSED"));
    const numberBefore = page().number;
    bridge.listener.resendAll();
    await bridge.listener.settled();
    aheadMs = 60_000;
    // A second edit is processed after the repeated events; its run writes at most its three states.
    await bridge.pageEdit({ ...EDIT, timestamp: EDIT.timestamp + 1 });
    await until(
      "two runs",
      () => bridge.listener.runs,
      ({ size }) => size === 2,
    );
    await bridge.listener.settled();
    await until(
      "a newer version of the page to show PASSED",
      page,
      ({ number, body }) => number > numberBefore && body.includes("PASSED"),
    );
    expect(page().number - numberBefore).toBeLessThanOrEqual(3);
  });

  it("an edit gets through although the listener fails at first in ways that are safe to repeat", async () => {
    await start();
    bridge.listener.answerNext({ kind: "server_error" }, { kind: "reset" });
    await bridge.pageEdit(EDIT);
    await until("the page to show PASSED", page, ({ body }) => body.includes("PASSED"));
    expect(bridge.listener.runs.size).toBe(1);
  });

  it("an edit triggers one run although the listener's response was lost after it had started", async () => {
    await start();
    bridge.listener.answerNext({ kind: "handler_timeout" });
    await bridge.pageEdit(EDIT);
    await until("the page to show PASSED", page, ({ body }) => body.includes("PASSED"));
    expect(bridge.listener.runs.size).toBe(1);
  });
});

describe("a push", () => {
  it("a push from a group hook and a project hook, with different ids, makes two deliveries and one trigger", async () => {
    await start();
    const content = push(bridge.confluence.site("data-center"));
    const answers = await Promise.all([bridge.gitlabPush(content), bridge.gitlabPush(content)]);
    const receipts = await Promise.all(answers.map((answer) => answer.json() as Promise<Record<string, string>>));
    expect(receipts.map(({ status }) => status)).toEqual(["accepted", "accepted"]);
    expect(receipts[0]?.["delivery"]).not.toBe(receipts[1]?.["delivery"]);
    await until("the page to show PASSED", page, ({ body }) => body.includes("PASSED"));
    expect(bridge.listener.requests).toHaveLength(1);
  });

  it("the build of a push that links a page is shown there", async () => {
    await start();
    await bridge.gitlabPush(push(bridge.confluence.site("data-center")));
    await until("the page to show PASSED", page, ({ body }) => body.includes("PASSED"));
  });
});
