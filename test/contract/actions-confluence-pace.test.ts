import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { callOut } from "../../shared/host/call-out.ts";
import { laterBy } from "../../shared/host/clock.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import { memoryBoards, withMethods } from "../support/memory-stores.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { type BenchOptions, benchFor, buildEntry } from "../support/sandbox-confluence-action.ts";
import { testClock } from "../support/test-doubles.ts";
import { VirtualTime } from "../support/virtual-time.ts";

const PAGE = "98310";

describe.each(["cloud", "data-center"] as const)("the write throttle of a page of %s", (product) => {
  let sandbox: SandboxConfluence;
  let sent: { method: string; body: string }[];
  beforeEach(async () => {
    sandbox = await startSandboxConfluence({ product });
    sent = [];
  });
  afterEach(() => sandbox.close());

  const versions = () => sandbox.page(PAGE).versions;
  const body = () => sandbox.page(PAGE).latest.body;
  const bench = (changes: BenchOptions = {}) => {
    const clock = testClock();
    const boards = memoryBoards();
    const spying: typeof callOut = (call) => {
      sent.push({ method: call.method, body: String(call.body) });
      return callOut(call);
    };
    const options = { clock, boards, callOut: spying, target: { progressSeconds: 30, endSeconds: 2 }, ...changes };
    return { ...benchFor(sandbox, product, options), clock, boards };
  };
  const reported = (state: NonNullable<Parameters<typeof buildEntry>[0]>["state"], number = 512) =>
    buildEntry({ ...(state && { state }), number, createdAt: `2026-11-02T08:${number % 60}:00.000Z` });

  test("the first state is written at once, and the next one after the rest of the pause", async () => {
    const { run, clock } = bench();
    await expect(run(reported("queued"))).resolves.toMatchObject({ outcome: "done" });
    clock.advance(4_000);
    await expect(run(reported("running"))).resolves.toMatchObject({ outcome: "wait", afterSeconds: 26 });
    expect(body()).toContain("QUEUED");
    clock.advance(26_000);
    await expect(run(reported("running"))).resolves.toMatchObject({ outcome: "done" });
    expect(body()).toContain("RUNNING");
  });

  test("a state is written at once after the clock was set back by an hour", async () => {
    const { run, clock } = bench();
    await run(reported("queued"));
    clock.set(-3_600_000);
    await expect(run(reported("running"))).resolves.toMatchObject({ outcome: "done" });
    expect(body()).toContain("RUNNING");
    const site = buildEntry({ pipeline: "ci/site", state: "running" });
    await expect(run(site)).resolves.toMatchObject({ outcome: "wait", afterSeconds: 30 });
  });

  test("the end of a run waits only two seconds, so that others can join it", async () => {
    const { run, clock } = bench();
    await run(reported("running"));
    await expect(run(reported("failed"))).resolves.toMatchObject({ outcome: "wait", afterSeconds: 2 });
    clock.advance(2_000);
    await expect(run(reported("failed"))).resolves.toMatchObject({ outcome: "done" });
    expect(body()).toContain("FAILED");
  });

  test("one version shows all states reported in the meantime, and their attempts find it without a call to Confluence", async () => {
    const { run, clock } = bench();
    const [site, docs] = [buildEntry({ pipeline: "ci/site", state: "running" }), reported("running")];
    await run(reported("queued"));
    for (const busEvent of [site, docs]) await expect(run(busEvent)).resolves.toMatchObject({ outcome: "wait" });
    clock.advance(30_000);
    await run(site);
    sent.length = 0;
    await expect(run(docs)).resolves.toEqual({
      outcome: "done",
      summary: "page 98310 shows this state, written together with others",
      facts: { "page 98310": "version 3" },
    });
    expect(sent).toEqual([]);
    expect(versions()).toHaveLength(3);
  });

  test("a burst of 200 updates makes six versions at most, and the last one is right", async () => {
    const { run, clock } = bench();
    const time = new VirtualTime(clock);
    const going = ["running", "waiting"] as const;
    const states = ["queued", ...going, ...going, ...going, "succeeded"] as const;
    for (let update = 0; update < 200; update++) {
      const state = states[Math.floor(update / 25)] ?? "queued";
      const busEvent = buildEntry({ pipeline: `ci/p${update % 25}`, state });
      time.at(update / 100, () => secondsUntilNext(run, busEvent));
    }
    await time.run();
    expect(versions().length - 1).toBeLessThanOrEqual(6);
    expect(body().match(/PASSED/g)).toHaveLength(25);
    expect(body()).not.toMatch(/QUEUED|RUNNING|WAITING/);
  });

  test("a state that the page shows already is never written again, however late it is reported again", async () => {
    const { run, clock } = bench();
    await run(reported("succeeded"));
    clock.advance(3_600_000);
    await expect(run(reported("succeeded"))).resolves.toMatchObject({ outcome: "done" });
    expect(versions()).toHaveLength(2);
  });

  test("a state that is reported again is not written again after an editor saved the page, however often that happens", async () => {
    const { run, clock } = bench();
    await run(reported("succeeded"));
    for (let save = 1; save <= 3; save++) {
      sandbox.editorSave(PAGE);
      clock.advance(3_600_000);
      await expect(run(reported("succeeded"))).resolves.toMatchObject({ outcome: "done" });
    }
    expect(body()).toContain("<colgroup>");
    expect(versions().filter(({ by }) => by === "Drawbridge")).toHaveLength(1);
    sandbox.humanEdit(PAGE, (text) => text.replace("PASSED", "SKIPPED"));
    await run(reported("failed", 513));
    expect(body()).toMatch(/^(?!.*SKIPPED).*FAILED/);
  });

  test("a region that a person removed is not restored when the state is reported again", async () => {
    const { run, clock } = bench();
    await run(reported("succeeded"));
    sandbox.humanEdit(PAGE, () => "<p>Empty.</p>");
    clock.advance(3_600_000);
    await run(reported("succeeded"));
    expect(body()).not.toContain("PASSED");
  });

  test("a page has one writer: another one waits, and takes over if the first never returns", async () => {
    const { run, clock, boards } = bench();
    await boards.lease({ site: sandbox.site(product), id: PAGE }, clock.now(), laterBy(clock.now(), 75_000));
    await expect(run(reported("failed"))).resolves.toMatchObject({ outcome: "wait", afterSeconds: 2 });
    expect(sent).toEqual([]);
    clock.advance(75_000);
    await expect(run(reported("failed"))).resolves.toMatchObject({ outcome: "done" });
  });

  test("only one of many simultaneous attempts writes the page", async () => {
    const { run } = bench();
    const outcomes = await Promise.all(["ci/a", "ci/b", "ci/c"].map((pipeline) => run(buildEntry({ pipeline }))));
    expect(outcomes.filter(({ outcome }) => outcome === "done")).toHaveLength(1);
    expect(versions()).toHaveLength(2);
  });

  test("an attempt that read the board before another wrote for both checks it again and does not write", async () => {
    const { run, boards, clock } = bench();
    const lookingLong = withMethods(boards, {
      read: async (page) => {
        const board = await boards.read(page);
        await run(buildEntry({ pipeline: "ci/site" }));
        sent.length = 0;
        return board;
      },
    });
    const late = bench({ boards: lookingLong, clock });
    await expect(late.run(reported("running"))).resolves.toMatchObject({
      outcome: "done",
      summary: "page 98310 shows this state, written together with others",
    });
    expect(sent).toEqual([]);
  });

  test("the action waits for one page of several, and gives up another only when nothing is left to do", async () => {
    const { run, clock } = bench({ options: { page: undefined, whenMissing: "append" } });
    const site = sandbox.site(product);
    const message = `See ${site}/spaces/ENG/pages/${PAGE} and ${site}/pages/viewpage.action?pageId=77`;
    const both = buildEntry({ message });
    await run(buildEntry({ message: `See ${site}/spaces/ENG/pages/${PAGE}`, state: "running" }));
    const waiting = await run(both);
    expect(waiting).toMatchObject({ outcome: "wait", summary: expect.stringMatching(/98310 has just.*404/) });
    clock.advance(2_000);
    await expect(run(both)).resolves.toMatchObject({ outcome: "give_up" });
    expect(body()).toContain("PASSED");
  });

  test("a write is marked as a minor edit if the product supports it", async () => {
    await bench().run(reported("succeeded"));
    const [put] = sent.filter(({ method }) => method === "PUT").map((call) => JSON.parse(call.body));
    expect(put.version.minorEdit).toBe(product === "data-center" ? true : undefined);
  });
});

/** Runs an action as the bridge does. Undefined if it is done. */
async function secondsUntilNext(run: (busEvent: BusEvent) => Promise<object>, busEvent: BusEvent) {
  const result = await run(busEvent);
  if ("outcome" in result && result.outcome === "done") return undefined;
  return "afterSeconds" in result && typeof result.afterSeconds === "number" ? result.afterSeconds : 1;
}
