import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { rowOf } from "../../shared/actions/confluence/board-row.ts";
import { Fault } from "../../shared/host/fault.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import type { BuildPart } from "../../shared/model/event.ts";
import { memoryBoards, withMethods } from "../support/memory-stores.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { benchFor, buildEntry } from "../support/sandbox-confluence-action.ts";
import type { RefusesWrite } from "../support/sandbox-confluence-site.ts";
import { testClock } from "../support/test-doubles.ts";

const PAGE = "98310";

/** MySQL's `utf8` stores no character of four bytes. */
const FOUR_BYTES = /[\u{10000}-\u{10ffff}]/u;
const ROCKET = { branch: "feat/🚀-launch", id: "run-rocket" };

describe.each(["cloud", "data-center"] as const)("a row that the site of %s refuses", (product) => {
  let sandbox: SandboxConfluence;
  let writes: number;
  beforeEach(async () => {
    sandbox = await startSandboxConfluence({ product });
  });
  afterEach(() => sandbox.close());

  const body = () => sandbox.page(PAGE).latest.body;
  const versions = () => sandbox.page(PAGE).versions.length;
  const shown = () =>
    body()
      .match(/PASSED|NOT SHOWN/g)
      ?.toSorted();
  const refuse = (refuses: RefusesWrite) => {
    writes = 0;
    sandbox.refuseWrites((write) => {
      writes += 1;
      return refuses(write);
    });
  };
  const refuseFourBytes = (status: number) =>
    refuse(({ body, message }) => (FOUR_BYTES.test(body + message) ? status : undefined));
  const bench = () => {
    const clock = testClock();
    const boards = memoryBoards();
    return { ...benchFor(sandbox, product, { clock, boards }), clock, boards };
  };
  const on = (changes: Partial<BuildPart>, number = 512) =>
    buildEntry({ branch: "main", number, createdAt: `2026-11-02T08:${number % 60}:00.000Z`, ...changes });

  test.each([400, 413, 500])(
    "a row answered by %i is only named, the timeline says which and why, and every other row is shown",
    async (status) => {
      const { run } = bench();
      refuseFourBytes(status);
      await expect(run(on({}))).resolves.toMatchObject({ outcome: "done" });
      await expect(run(on(ROCKET))).resolves.toMatchObject({
        outcome: "give_up",
        summary: expect.stringMatching(
          new RegExp(`^page 98310 shows all but ci/docs on feat/🚀-launch, which Confluence refused: .*${status}`, "u"),
        ),
      });
      await expect(run(on({ pipeline: "ci/other" }))).resolves.toMatchObject({ outcome: "done" });
      expect(body().match(/PASSED|NOT SHOWN/g)).toEqual(["NOT SHOWN", "PASSED", "PASSED"]);
      expect(body()).toContain(`Confluence refused this row (${status})`);
      expect(body()).toContain("<td>feat/?-launch</td>");
    },
  );

  test("a refused state is not sent again: not by its own delivery, not by others", async () => {
    const { run } = bench();
    refuseFourBytes(400);
    await run(on({}));
    await run(on(ROCKET));
    writes = 0;
    await expect(run(on(ROCKET))).resolves.toMatchObject({ outcome: "give_up" });
    expect(writes).toBe(0);
    await run(on({ pipeline: "ci/other" }));
    expect(writes).toBe(1);
  });

  test("a new state of a refused row is tried, and writes no version if it is refused too", async () => {
    const { run } = bench();
    refuseFourBytes(400);
    await run(on({ ...ROCKET, state: "running" }));
    const before = versions();
    await expect(run(on(ROCKET))).resolves.toMatchObject({ outcome: "give_up" });
    expect(versions()).toBe(before);
    refuse(() => undefined);
    await expect(run(on({ ...ROCKET, id: "run-rocket-2", state: "failed" }, 513))).resolves.toMatchObject({
      outcome: "done",
    });
    expect(body()).toContain("🚀");
    expect(body()).not.toContain("NOT SHOWN");
  });

  test("a refused state is tried again after a day", async () => {
    const { run, clock } = bench();
    refuseFourBytes(400);
    await run(on(ROCKET));
    refuse(() => undefined);
    clock.advance(86_400_000);
    await expect(run(on({}))).resolves.toMatchObject({ outcome: "done" });
    expect(body()).toContain("🚀");
  });

  test("a server error of a moment leaves no row out", async () => {
    const { run } = bench();
    let errors = 1;
    refuse(() => (errors-- > 0 ? 500 : undefined));
    await expect(run(on({}))).resolves.toMatchObject({ outcome: "done" });
    expect(body()).not.toContain("NOT SHOWN");
    expect(body()).toContain("PASSED");
  });

  test("a site that answers every write with 500 is retried, and no row is blamed", async () => {
    const { run } = bench();
    refuse(() => 500);
    await expect(run(on({}))).resolves.toMatchObject({ outcome: "retry", unknownOutcome: true });
    refuse(() => undefined);
    await expect(run(on({}))).resolves.toMatchObject({ outcome: "done" });
    expect(body()).not.toContain("NOT SHOWN");
  });

  test("rows that wait to be written do not prevent another from being shown, and are tried by themselves or later", async () => {
    const { run, boards, clock } = bench();
    const page = { site: sandbox.site(product), id: PAGE };
    await run(on({}));
    refuseFourBytes(400);
    const waiting = on({ pipeline: "ci/🚀" });
    for (const busEvent of [waiting, on({ pipeline: "ci/site" })]) {
      const row = rowOf({ busEvent, origin: busEvent, originProof: "proved" });
      if (row) await boards.advance(page, row);
    }
    await expect(run(on({ pipeline: "ci/other" }))).resolves.toMatchObject({ outcome: "done" });
    expect(shown()).toEqual(["NOT SHOWN", "NOT SHOWN", "PASSED", "PASSED"]);
    expect(body()).toContain("ci/other");
    // Its own attempt says that it is refused.
    await expect(run(waiting)).resolves.toMatchObject({ outcome: "give_up" });
    clock.advance(600_000);
    await expect(run(on({ pipeline: "ci/last" }))).resolves.toMatchObject({ outcome: "done" });
    expect(shown()).toEqual(["NOT SHOWN", "PASSED", "PASSED", "PASSED", "PASSED"]);
  });

  test("a process that dies after the write without the row leaves a page that the next attempt does not write again", async () => {
    const boards = memoryBoards();
    const dying = withMethods(boards, {
      release: () => Promise.reject(new Fault("store_unavailable", "gone", { retryable: true })),
    });
    const clock = testClock();
    refuseFourBytes(400);
    await expect(benchFor(sandbox, product, { boards: dying, clock }).run(on(ROCKET))).resolves.toMatchObject({
      outcome: "retry",
    });
    clock.advance(120_000);
    const before = versions();
    await expect(benchFor(sandbox, product, { boards, clock }).run(on(ROCKET))).resolves.toMatchObject({
      outcome: "give_up",
      summary: expect.stringMatching(/feat\/🚀-launch/u),
    });
    expect(versions()).toBe(before);
  });

  test("a person's edit before the write without the row is kept", async () => {
    const { run } = bench();
    await run(on({}));
    refuseFourBytes(400);
    sandbox.beforeNextWrite(() => sandbox.humanEdit(PAGE, (text) => `<p>First.</p>${text}`));
    sandbox.beforeNextWrite(() => sandbox.humanEdit(PAGE, (text) => `<p>Second.</p>${text}`));
    await expect(run(on(ROCKET))).resolves.toMatchObject({ outcome: "give_up" });
    expect(body()).toMatch(/Second\.(?:.*)First\.(?:.*)NOT SHOWN/s);
  });

  test("several attempts at once end with every row shown but the refused one", async () => {
    const { run, clock } = bench();
    refuseFourBytes(400);
    const events = [on(ROCKET), ...["ci/a", "ci/b", "ci/c"].map((pipeline) => on({ pipeline, id: `run-${pipeline}` }))];
    const settle = async (event: BusEvent): Promise<string> => {
      for (let attempt = 0; attempt < 20; attempt++) {
        const { outcome } = await run(event);
        if (outcome === "done" || outcome === "give_up") return outcome;
        clock.advance(2_000);
      }
      throw new Error("it never settled");
    };
    expect(await Promise.all(events.map(settle))).toEqual(["give_up", "done", "done", "done"]);
    expect(shown()).toEqual(["NOT SHOWN", "PASSED", "PASSED", "PASSED"]);
  });

  test.each([403, 404, 409, 429, 503])("a write answered by %i is not repeated with fewer rows", async (status) => {
    const { run } = bench();
    await run(on({}));
    const before = versions();
    const own = body();
    refuse(() => status);
    await run(on({ state: "failed" }, 513));
    expect(versions()).toBe(before);
    expect(body()).toBe(own);
    expect(writes).toBe(status === 409 ? 5 : 1);
  });
});
