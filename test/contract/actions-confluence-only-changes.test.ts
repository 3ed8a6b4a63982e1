import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { callOut } from "../../shared/host/call-out.ts";
import { laterBy } from "../../shared/host/clock.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import type { BuildState } from "../../shared/model/event.ts";
import { memoryBoards, withMethods } from "../support/memory-stores.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { type BenchOptions, benchFor, buildEntry } from "../support/sandbox-confluence-action.ts";
import { testClock } from "../support/test-doubles.ts";

const PAGE = "98310";
const HOUR_MS = 3_600_000;

/** The defaults of Cloud. */
const DEFAULTS = { progressSeconds: undefined, onlyChanges: undefined };

/** States of one pipeline, by the number of the run. */
type Reports = readonly (readonly [BuildState, number])[];

describe("a page of Cloud with the default settings", () => {
  let sandbox: SandboxConfluence;
  let calls: string[];
  beforeEach(async () => {
    sandbox = await startSandboxConfluence({ product: "cloud" });
    calls = [];
  });
  afterEach(() => sandbox.close());

  const versions = () => sandbox.page(PAGE).versions.length;
  const body = () => sandbox.page(PAGE).latest.body;
  const bench = (changes: BenchOptions = {}) => {
    const clock = testClock();
    const boards = memoryBoards();
    const spying: typeof callOut = (call) => {
      calls.push(call.method);
      return callOut(call);
    };
    return {
      ...benchFor(sandbox, "cloud", { clock, boards, callOut: spying, target: DEFAULTS, ...changes }),
      clock,
      boards,
    };
  };
  /** Each report has a later time than the one before it. */
  const reported = (state: BuildState, number: number, pipeline = "ci/docs"): BusEvent => {
    const createdAt = `2026-11-02T08:00:${String(number).padStart(2, "0")}.000Z`;
    const time = new Date(Date.UTC(2026, 10, 2, 9, 0, reports++)).toISOString();
    const hasEnded = !["queued", "running", "waiting"].includes(state);
    const entry = buildEntry({ pipeline, state, number, createdAt, ...(hasEnded && { finishedAt: time }) });
    return { ...entry, detail: { ...entry.detail, time } };
  };
  let reports = 0;

  /** Reports the states an hour apart. Returns which of them made a version. */
  async function written(all: Reports, { run, clock } = bench()): Promise<readonly string[]> {
    const made: string[] = [];
    for (const [state, number] of all) {
      const before = versions();
      await expect(run(reported(state, number))).resolves.toMatchObject({ outcome: "done" });
      if (versions() > before) made.push(`${state} ${number}`);
      clock.advance(HOUR_MS);
    }
    return made;
  }

  test.each<[string, Reports, readonly string[]]>([
    ["a row that is new", [["running", 1]], ["running 1"]],
    [
      "the first result",
      [
        ["queued", 1],
        ["running", 1],
        ["succeeded", 1],
      ],
      ["queued 1", "succeeded 1"],
    ],
    [
      "no run that passes like the one before it",
      [
        ["succeeded", 1],
        ["running", 2],
        ["succeeded", 2],
        ["succeeded", 3],
      ],
      ["succeeded 1"],
    ],
    [
      "a failure, another failure, and the recovery",
      [
        ["succeeded", 1],
        ["failed", 2],
        ["running", 3],
        ["failed", 3],
        ["running", 4],
        ["succeeded", 4],
      ],
      ["succeeded 1", "failed 2", "failed 3", "succeeded 4"],
    ],
    [
      "a run that waits, and its going on",
      [
        ["succeeded", 1],
        ["running", 2],
        ["waiting", 2],
        ["running", 2],
        ["succeeded", 2],
      ],
      ["succeeded 1", "waiting 2", "running 2"],
    ],
    [
      "a failure of an earlier run while a later one goes on",
      [
        ["running", 1],
        ["running", 2],
        ["failed", 1],
      ],
      ["running 1", "failed 1"],
    ],
    [
      "no run that was skipped",
      [
        ["succeeded", 1],
        ["skipped", 2],
      ],
      ["succeeded 1"],
    ],
    [
      "the end of a first run that was skipped",
      [
        ["running", 1],
        ["skipped", 1],
      ],
      ["running 1", "skipped 1"],
    ],
    [
      "a result of another kind",
      [
        ["succeeded", 1],
        ["cancelled", 2],
        ["cancelled", 3],
        ["succeeded", 4],
      ],
      ["succeeded 1", "cancelled 2", "succeeded 4"],
    ],
  ])("it gets a version for %s", async (_, all, expected) => {
    expect(await written(all)).toEqual(expected);
  });

  test("it gets a version when the reports of a run stop, and one when they come again", async () => {
    const { run, clock, boards } = bench();
    await written([["succeeded", 1]], { ...bench(), run, clock, boards });
    const running = reported("running", 2);
    const withLastReport = (turn: number): BusEvent => {
      const lastReport = { at: "2026-11-02T09:00:00.000Z", isOverdue: turn % 2 === 1, turn };
      const replay = { of: "d-2", routes: ["status"], isRollback: false, lastReport };
      return { ...running, detail: { ...running.detail, replay } };
    };
    const marked: boolean[] = [];
    for (const event of [running, withLastReport(1), withLastReport(1), withLastReport(2), withLastReport(1)]) {
      const before = versions();
      await run(event);
      clock.advance(HOUR_MS);
      if (versions() > before) marked.push(body().includes("no report since"));
    }
    expect(marked).toEqual([true, false]);
    expect(body()).toMatch(/PASSED.*then.*#2<\/a> RUNNING/);
  });

  test("an update that makes no version says why, names none, and reads the page at most once in three minutes", async () => {
    const { run, clock } = bench();
    await written([["failed", 1]], { ...bench(), run, clock });
    for (const state of ["queued", "running"] as const) {
      await expect(run(reported(state, 2))).resolves.toEqual({
        outcome: "done",
        summary: "page 98310 keeps version 2: it shows the same result, and its next version shows this state",
      });
    }
    expect(calls.slice(3)).toEqual(["GET"]);
  });

  test("a version shows the last results and the runs that go on, so that it stays true however long it is kept", async () => {
    const { run, clock } = bench();
    await written(
      [
        ["succeeded", 1],
        ["succeeded", 2],
        ["running", 3],
      ],
      { ...bench(), run, clock },
    );
    expect(body()).not.toContain("#2");
    await run(reported("failed", 7, "ci/site"));
    expect(body()).toMatch(/FAILED.*PASSED.*then.*#3<\/a> RUNNING: /);
    expect(body()).toContain("#2");
    expect(body()).not.toContain(">RUNNING<");
  });

  test("what a person changed in the region is corrected by the next state, although its result is the same", async () => {
    const { run, clock } = bench();
    await written([["succeeded", 1]], { ...bench(), run, clock });
    sandbox.humanEdit(PAGE, (text) => text.replace(/>#1<\/a>/, ">GREAT</a>"));
    await written([["succeeded", 2]], { ...bench(), run, clock });
    expect(body()).toMatch(/^(?!.*GREAT).*PASSED.*#2</);
  });

  test("a region that a person removed stays away, and is written again if a person restores it", async () => {
    const { run, clock } = bench();
    await written([["succeeded", 1]], { ...bench(), run, clock });
    const withRegion = body();
    sandbox.humanEdit(PAGE, () => "<p>Empty.</p>");
    await written([["running", 2]], { ...bench(), run, clock });
    expect(body()).not.toContain("PASSED");
    sandbox.humanEdit(PAGE, () => withRegion);
    await written([["failed", 3]], { ...bench(), run, clock });
    expect(body()).toContain("FAILED");
  });

  test("a person's edit outside the region, and an editor that saves the page, cause no version", async () => {
    const { run, clock } = bench();
    await written([["succeeded", 1]], { ...bench(), run, clock });
    sandbox.humanEdit(PAGE, (text) => `<p>Mine.</p>${text}`);
    sandbox.editorSave(PAGE);
    expect(
      await written(
        [
          ["running", 2],
          ["succeeded", 2],
        ],
        { ...bench(), run, clock },
      ),
    ).toEqual([]);
  });

  test("a failure that another bridge process wrote before it died does not stay after the recovery", async () => {
    const { run, clock, boards } = bench();
    await written([["succeeded", 1]], { ...bench(), run, clock });
    const dying = bench({ clock, boards: withMethods(boards, { release: () => Promise.reject(new Error("died")) }) });
    await expect(dying.run(reported("failed", 2))).rejects.toThrow("died");
    expect(body()).toContain("FAILED");
    clock.advance(76_000);
    await expect(run(reported("succeeded", 3))).resolves.toMatchObject({ outcome: "done" });
    expect(body()).toMatch(/^(?!.*FAILED).*PASSED/);
  });

  test("a failure whose write got no answer does not stay after the recovery", async () => {
    const { run, clock } = bench();
    await written([["succeeded", 1]], { ...bench(), run, clock });
    sandbox.failNext({ on: "PUT", status: "none", landed: true });
    sandbox.beforeNextWrite(() => sandbox.failNext({ on: "GET", status: 503 }));
    await expect(run(reported("failed", 2))).resolves.toMatchObject({ outcome: "retry", unknownOutcome: true });
    expect(body()).toContain("FAILED");
    clock.advance(60_000);
    await expect(run(reported("succeeded", 3))).resolves.toMatchObject({ outcome: "done" });
    expect(body()).toMatch(/^(?!.*FAILED).*PASSED/);
  });

  test("of two attempts at once, one that needs no version waits for the one that writes", async () => {
    const { run, clock, boards } = bench();
    await written([["succeeded", 1]], { ...bench(), run, clock });
    await boards.lease({ site: sandbox.site("cloud"), id: PAGE }, clock.now(), laterBy(clock.now(), 75_000));
    await expect(run(reported("running", 2))).resolves.toMatchObject({ outcome: "wait", afterSeconds: 2 });
  });

  test("ends share a version in each minute", async () => {
    const { run, clock } = bench();
    await run(reported("failed", 1, "ci/a"));
    clock.advance(10_000);
    const second = reported("failed", 1, "ci/b");
    await expect(run(second)).resolves.toMatchObject({ outcome: "wait", afterSeconds: 50 });
    clock.advance(50_000);
    await expect(run(reported("failed", 1, "ci/c"))).resolves.toMatchObject({ outcome: "done" });
    await expect(run(second)).resolves.toMatchObject({
      summary: "page 98310 shows this state, written together with others",
    });
    expect(versions()).toBe(3);
  });

  test("a target that sets the three settings gets them", async () => {
    const target = { progressSeconds: 10, endSeconds: 5, onlyChanges: false };
    const { run, clock } = bench({ target });
    await run(reported("running", 1));
    await expect(run(reported("waiting", 1))).resolves.toMatchObject({ outcome: "wait", afterSeconds: 10 });
    await expect(run(reported("succeeded", 1))).resolves.toMatchObject({ outcome: "wait", afterSeconds: 5 });
    clock.advance(5_000);
    expect(
      await written(
        [
          ["succeeded", 1],
          ["succeeded", 2],
        ],
        { ...bench(), run, clock },
      ),
    ).toHaveLength(2);
  });
});
