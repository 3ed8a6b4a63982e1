import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { callOut } from "../../shared/host/call-out.ts";
import { laterBy } from "../../shared/host/clock.ts";
import type { BuildState } from "../../shared/model/event.ts";
import { memoryBoards } from "../support/memory-stores.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { type BenchOptions, benchFor, buildEntry } from "../support/sandbox-confluence-action.ts";
import { testClock } from "../support/test-doubles.ts";

const PAGE = "98310";

describe.each(["cloud", "data-center"] as const)("the cooldown of a page of %s", (product) => {
  let sandbox: SandboxConfluence;
  let sent: string[];
  beforeEach(async () => {
    sandbox = await startSandboxConfluence({ product, pages: [{}, { id: "98311" }] });
    sent = [];
  });
  afterEach(() => sandbox.close());

  const body = () => sandbox.page(PAGE).latest.body;
  const bench = (changes: BenchOptions = {}) => {
    const clock = testClock();
    const boards = memoryBoards();
    const spying: typeof callOut = (call) => {
      sent.push(call.method);
      return callOut(call);
    };
    const options = { clock, boards, callOut: spying, target: { progressSeconds: 30, endSeconds: 2 }, ...changes };
    return { ...benchFor(sandbox, product, options), clock, boards };
  };
  const reported = (state: BuildState, number = 512) =>
    buildEntry({ state, number, createdAt: `2026-11-02T08:${number % 60}:00.000Z` });
  const onTwo = (state: "running" | "succeeded") => {
    const site = sandbox.site(product);
    const message = `See ${site}/spaces/ENG/pages/${PAGE} and ${site}/pages/viewpage.action?pageId=98311`;
    return buildEntry({ message, state });
  };

  test("no attempt writes the page during the time that Confluence asked for", async () => {
    const { run, clock } = bench();
    sandbox.failNext({ on: "PUT", status: 429, headers: { "retry-after": "1800" } });
    await expect(run(reported("failed"))).resolves.toMatchObject({ outcome: "retry", afterSeconds: 1_800 });
    sent.length = 0;
    clock.advance(600_000);
    const other = buildEntry({ pipeline: "ci/site" });
    await expect(run(other)).resolves.toMatchObject({ outcome: "wait", afterSeconds: 1_200 });
    expect(sent).toEqual([]);
    clock.advance(1_200_000);
    await expect(run(reported("failed"))).resolves.toMatchObject({ outcome: "done" });
    await expect(run(other)).resolves.toMatchObject({ outcome: "done" });
  });

  test("a cooldown that began while the clock was ahead ends when the clock is right again", async () => {
    const { run, clock } = bench();
    clock.set(86_400_000);
    sandbox.failNext({ on: "PUT", status: 429, headers: { "retry-after": "1800" } });
    await expect(run(reported("failed"))).resolves.toMatchObject({ outcome: "retry", afterSeconds: 1_800 });
    clock.set(-86_400_000);
    clock.advance(60_000);
    await expect(run(reported("failed"))).resolves.toMatchObject({ outcome: "done" });
  });

  test("a week of an open draft begins again if the clock was ahead when it began", async () => {
    const { run, clock } = bench();
    const failWithDraft = () => sandbox.failNext({ on: "PUT", status: 409, body: "the draft is unreconciled" });
    clock.set(30 * 86_400_000);
    failWithDraft();
    await expect(run(reported("failed"))).resolves.toMatchObject({ outcome: "wait" });
    clock.set(-30 * 86_400_000);
    failWithDraft();
    await expect(run(reported("failed"))).resolves.toMatchObject({ outcome: "wait" });
    clock.advance(7 * 86_400_000);
    failWithDraft();
    await expect(run(reported("failed"))).resolves.toMatchObject({ outcome: "give_up" });
  });

  test("a cooldown delays no other page, makes no call and costs no attempt", async () => {
    const { run, clock, boards } = bench({ options: { page: undefined, whenMissing: "append" } });
    await run(onTwo("running"));
    const resting = { site: sandbox.site(product), id: "98311" };
    const held = await boards.lease(resting, clock.now(), laterBy(clock.now(), 1));
    if (held) await boards.release(resting, held, { cooldownUntil: laterBy(clock.now(), 1_800_000) });
    sent.length = 0;
    await expect(run(onTwo("succeeded"))).resolves.toMatchObject({ outcome: "wait", afterSeconds: 2 });
    clock.advance(2_000);
    await expect(run(onTwo("succeeded"))).resolves.toMatchObject({ outcome: "wait", afterSeconds: 1_798 });
    expect(body()).toContain("PASSED");
    clock.advance(1_797_000);
    await expect(run(onTwo("succeeded"))).resolves.toMatchObject({ outcome: "wait", afterSeconds: 1 });
    expect(sent).toEqual(["GET", "PUT", "GET"]);
    clock.advance(1_000);
    await expect(run(onTwo("succeeded"))).resolves.toMatchObject({ outcome: "done" });
    expect(sandbox.page("98311").latest.body).toContain("PASSED");
  });

  test("every other page of the target waits for a minute after too many calls", async () => {
    const { run, clock, boards } = bench();
    const toOther = bench({ boards, clock, options: { page: "98311" } });
    sandbox.failNext({ on: "PUT", status: 429, headers: { "retry-after": "1800" } });
    await expect(run(reported("failed"))).resolves.toMatchObject({ outcome: "retry", afterSeconds: 1_800 });
    sent.length = 0;
    await expect(toOther.run(reported("failed"))).resolves.toMatchObject({ outcome: "wait", afterSeconds: 60 });
    expect(sent).toEqual([]);
    clock.advance(60_000);
    await expect(toOther.run(reported("failed"))).resolves.toMatchObject({ outcome: "done" });
    await expect(run(reported("failed"))).resolves.toMatchObject({ outcome: "wait", afterSeconds: 1_740 });
  });

  test("a page waits as long as an open draft prevents the write, for a week at most", async () => {
    const { run, clock } = bench();
    const draft = () => sandbox.failNext({ on: "PUT", status: 409, body: "the draft is unreconciled" });
    const waits = { outcome: "wait", afterSeconds: 300, summary: expect.stringMatching(/open draft/) };
    const untilGone = async (seconds: number) => {
      for (let passed = 0; passed < seconds; passed += 300) {
        draft();
        await expect(run(reported("succeeded"))).resolves.toMatchObject(waits);
        clock.advance(300_000);
      }
    };
    await untilGone(16 * 3_600);
    await expect(run(reported("succeeded"))).resolves.toMatchObject({ outcome: "done" });
    expect(body()).toContain("PASSED");
    // The week starts again with another draft.
    clock.advance(8 * 86_400_000);
    draft();
    await expect(run(reported("running", 513))).resolves.toMatchObject(waits);
    clock.advance(299_000);
    const others = buildEntry({ pipeline: "ci/site" });
    await expect(run(others)).resolves.toMatchObject({ ...waits, afterSeconds: 1 });
    clock.advance(7 * 86_400_000);
    draft();
    await expect(run(reported("running", 513))).resolves.toMatchObject({
      outcome: "give_up",
      summary: "page 98310 has had an open draft for 7 days that cannot be merged with it",
    });
  });
});
