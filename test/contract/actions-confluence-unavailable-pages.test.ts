import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { callOut } from "../../shared/host/call-out.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import { memoryBoards } from "../support/memory-stores.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { type BenchOptions, benchFor, buildEntry, entryOf } from "../support/sandbox-confluence-action.ts";
import type { Failure } from "../support/sandbox-confluence-site.ts";
import { testClock } from "../support/test-doubles.ts";

const PAGE = "98310";
const HOUR_MS = 3_600_000;

const replayOf = (busEvent: BusEvent): BusEvent => ({
  ...busEvent,
  detail: { ...busEvent.detail, replay: { of: "d-first", routes: ["status"], actor: "sam", isRollback: false } },
});

describe.each(["cloud", "data-center"] as const)("a page of %s that cannot be written", (product) => {
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
    return { ...benchFor(sandbox, product, { clock, boards, callOut: spying, ...changes }), clock, boards };
  };

  const causes: readonly [string, Failure][] = [
    ["that is gone", { on: "GET", status: 404 }],
    ["that the account may not read", { on: "GET", status: 403 }],
    ["that the account may not edit", { on: "PUT", status: 403 }],
    ["that disappeared before the write", { on: "PUT", status: 404 }],
  ];
  test.each(causes)("a page %s is not looked at for an hour, then shows every state", async (_, failure) => {
    const { run, clock } = bench();
    sandbox.failNext(failure);
    await expect(run(buildEntry())).resolves.toMatchObject({
      outcome: "give_up",
      summary: expect.stringMatching(/^page 98310: /),
    });
    sent.length = 0;
    clock.advance(HOUR_MS - 1);
    await expect(run(buildEntry({ pipeline: "ci/other" }))).resolves.toMatchObject({
      outcome: "give_up",
      summary: expect.stringMatching(/^page 98310: Confluence answered .* \(not looked at again before 2026-\S+Z\)$/),
    });
    expect(sent).toEqual([]);
    clock.advance(1);
    await expect(run(buildEntry({ pipeline: "ci/site" }))).resolves.toMatchObject({ outcome: "done" });
    expect(body().match(/PASSED/g)).toHaveLength(3);
  });

  test("an archived page rests for a day after the second look, and a restored one for an hour again", async () => {
    const { run, clock } = bench();
    const look = (number: number) => run(buildEntry({ number, createdAt: `2026-11-02T08:${number}:00.000Z` }));
    sandbox.setStatus(PAGE, "archived");
    await expect(look(10)).resolves.toMatchObject({ outcome: "give_up", summary: expect.stringMatching(/archived/) });
    clock.advance(HOUR_MS);
    await expect(look(11)).resolves.toMatchObject({ outcome: "give_up" });
    clock.advance(23 * HOUR_MS);
    await expect(look(12)).resolves.toMatchObject({
      outcome: "give_up",
      summary: expect.stringMatching(/archived .*not looked at again before/),
    });
    sandbox.setStatus(PAGE, "current");
    clock.advance(HOUR_MS);
    await expect(look(13)).resolves.toMatchObject({ outcome: "done", facts: { "page 98310": "version 2" } });
    sandbox.setStatus(PAGE, "trashed");
    await expect(look(14)).resolves.toMatchObject({ outcome: "give_up" });
    sandbox.setStatus(PAGE, "current");
    clock.advance(HOUR_MS);
    await expect(look(15)).resolves.toMatchObject({ outcome: "done", facts: { "page 98310": "version 3" } });
  });

  test("a page that is too large for any row rests", async () => {
    const { run } = bench();
    sandbox.refuseWrites(() => 413);
    await expect(run(buildEntry())).resolves.toMatchObject({ outcome: "give_up" });
    sent.length = 0;
    await expect(run(buildEntry({ pipeline: "ci/other" }))).resolves.toMatchObject({
      outcome: "give_up",
      summary: expect.stringMatching(/413: the page is too large/),
    });
    expect(sent).toEqual([]);
  });

  test("the delivery that found the page is given up again, and the page is not looked at again for it", async () => {
    const { run } = bench();
    sandbox.failNext({ on: "GET", status: 404 });
    const first = await run(buildEntry());
    sent.length = 0;
    await expect(run(buildEntry())).resolves.toEqual(first);
    expect(sent).toEqual([]);
  });

  test("a replay looks at a resting page, and so does one of what was given up meanwhile", async () => {
    const { run } = bench();
    sandbox.failNext({ on: "PUT", status: 403 });
    await expect(run(buildEntry())).resolves.toMatchObject({ outcome: "give_up" });
    const other = buildEntry({ pipeline: "ci/other" });
    await expect(run(other)).resolves.toMatchObject({ outcome: "give_up" });
    await expect(run(replayOf(other))).resolves.toMatchObject({ outcome: "done" });
    expect(body().match(/PASSED/g)).toHaveLength(2);
    await expect(run(replayOf(buildEntry()))).resolves.toMatchObject({ outcome: "done" });
    expect(body()).toContain("PASSED");
  });

  test("a run that a later edit of the page started looks at a resting page", async () => {
    const { run } = bench();
    const editOf = (id: string, time: string) =>
      entryOf(`d-edit-${id}`, {
        type: "page.updated",
        time,
        subject: id,
        page: { site: sandbox.site(product), id },
      });
    sandbox.failNext({ on: "GET", status: 403 });
    await expect(run(buildEntry())).resolves.toMatchObject({ outcome: "give_up" });
    sent.length = 0;
    for (const origin of [editOf(PAGE, "2026-11-02T08:59:00.000Z"), editOf("98311", "2026-11-02T09:01:00.000Z")])
      await expect(run(buildEntry({ pipeline: "ci/a" }), { origin })).resolves.toMatchObject({ outcome: "give_up" });
    expect(sent).toEqual([]);
    await run(buildEntry({ pipeline: "ci/b" }), { origin: editOf(PAGE, "2026-11-02T09:01:00.000Z") });
    expect(body().match(/PASSED/g)).toHaveLength(3);
  });

  test("a page rests only for the target whose account cannot write it", async () => {
    const { run, boards, clock } = bench();
    sandbox.failNext({ on: "PUT", status: 403 });
    await expect(run(buildEntry())).resolves.toMatchObject({ outcome: "give_up" });
    const other = bench({ targetName: "other", boards, clock });
    await expect(other.run(buildEntry())).resolves.toMatchObject({ outcome: "done" });
    expect(body()).toContain("PASSED");
  });

  test("a rest that began while the clock was ahead ends when the clock is right again", async () => {
    const { run, clock } = bench();
    clock.set(86_400_000);
    sandbox.failNext({ on: "GET", status: 404 });
    await expect(run(buildEntry())).resolves.toMatchObject({ outcome: "give_up" });
    clock.set(-86_400_000);
    await expect(run(buildEntry({ pipeline: "ci/other" }))).resolves.toMatchObject({ outcome: "done" });
    expect(body()).toContain("PASSED");
  });

  test("the outcome of several pages names each page in what it says of it", async () => {
    const { run } = bench({ options: { page: undefined, whenMissing: "append" } });
    const link = (id: string) => `${sandbox.site(product)}/spaces/ENG/pages/${id}`;
    sandbox.setStatus(PAGE, "archived");
    const message = `${link(PAGE)} ${link("98311")} ${link("77")}`;
    const { summary } = await run(buildEntry({ message }));
    expect(summary.split("; ")).toEqual([
      "page 98310 is archived and is not written",
      "page 98311 shows the new state",
      expect.stringMatching(/^page 77: Confluence answered the read with 404/),
    ]);
  });
});
