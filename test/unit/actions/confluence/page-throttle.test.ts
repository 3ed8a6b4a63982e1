import { describe, expect, test } from "vitest";
import { rowMarkOf, secondsToWait, versionShowing } from "../../../../shared/actions/confluence/page-throttle.ts";
import { epochMillis, laterBy } from "../../../../shared/host/clock.ts";
import type { BoardRow } from "../../../../shared/model/board.ts";
import type { BuildState } from "../../../../shared/model/event.ts";
import type { PageRecord } from "../../../../shared/store/boards.ts";

const WRITTEN = epochMillis(Date.parse("2026-11-02T09:00:00Z"));
const PACE = { progressSeconds: 30, endSeconds: 2, onlyChanges: false };
const at = (seconds: number) => ({
  now: laterBy(WRITTEN, seconds * 1_000),
  pace: PACE,
  refusedWith: () => undefined,
});

const row = (state: BuildState, key = "tekton ci/docs"): BoardRow => ({
  key,
  build: { system: "tekton", id: "run-1", pipeline: key, state },
  delivery: "d-1",
});
const seen = (...rows: readonly BoardRow[]): PageRecord => ({
  shown: { at: WRITTEN, version: 7, marks: rows.map((one) => rowMarkOf(one, PACE)) },
  writtenAt: WRITTEN,
});

describe("the time until a page may be written", () => {
  test.each<[string, BoardRow, PageRecord, number, number]>([
    ["is zero for the first write", row("queued"), {}, 0, 0],
    ["is the rest of the pause while a run goes on", row("running"), seen(row("queued")), 12, 18],
    ["ends with the pause", row("running"), seen(row("queued")), 30, 0],
    ["is two seconds at most for the end of a run", row("failed"), seen(row("running")), 0.5, 1.5],
    ["is zero for an end after those two seconds", row("failed"), seen(row("running")), 2, 0],
    ["is the whole pause if the end is already on the page", row("failed"), seen(row("failed")), 2, 28],
    ["is as long as Confluence asked for", row("failed"), { cooldownUntil: laterBy(WRITTEN, 90_000) }, 30, 60],
  ])("the wait %s", (_, one, record, seconds, expected) => {
    expect(secondsToWait({ rows: [one], gone: [], record }, at(seconds))).toBe(expected);
  });

  const ahead = laterBy(WRITTEN, 3_600_000);
  test.each<[string, PageRecord]>([
    ["a write", { writtenAt: ahead }],
    ["a request of Confluence", { cooldownSince: ahead, cooldownUntil: laterBy(ahead, 90_000) }],
  ])("the wait is zero after %s that a clock ahead by an hour recorded", (_, record) => {
    expect(secondsToWait({ rows: [row("running")], gone: [], record }, at(0))).toBe(0);
  });

  test("the wait is that of the record if the clock that wrote it is ahead by seconds", () => {
    const record = { writtenAt: laterBy(WRITTEN, 5_000) };
    expect(secondsToWait({ rows: [row("running")], gone: [], record }, at(0))).toBe(35);
  });

  test("the wait is zero if no pause is configured", () => {
    const throttle = { ...at(0), pace: { ...PACE, progressSeconds: 0, endSeconds: 0 } };
    expect(secondsToWait({ rows: [row("failed")], gone: [], record: seen() }, throttle)).toBe(0);
  });
});

describe("the time until an end is written after the next run has begun", () => {
  const then = (state: BuildState, result: BuildState): BoardRow => ({
    ...row(state),
    ended: { system: "tekton", id: "run-0", pipeline: "tekton ci/docs", state: result },
  });

  test.each([
    ["without onlyChanges", { ...PACE, progressSeconds: 3_600 }],
    ["with onlyChanges", { ...PACE, progressSeconds: 3_600, onlyChanges: true }],
  ])("is that of an end if the page does not show it, and that of progress if it does: %s", (_, pace) => {
    const record = {
      shown: { at: WRITTEN, version: 7, marks: [rowMarkOf(then("queued", "succeeded"), pace)], content: "c" },
      writtenAt: WRITTEN,
    };
    const wait = (one: BoardRow) => secondsToWait({ rows: [one], gone: [], record }, { ...at(0), pace });
    expect(wait(then("running", "failed"))).toBe(2);
    expect(wait(then("queued", "failed"))).toBe(2);
    expect(wait(then("running", "succeeded"))).toBe(pace.onlyChanges ? 0 : 3_600);
  });
});

describe("what a page is known to show", () => {
  const key = "tekton ci/docs";

  test("a page is known to show a row as it stands for as long as anyone may wait for it", () => {
    const board = { rows: [row("running")], gone: [], record: seen(row("running")) };
    expect(versionShowing(key, board, at(150))).toBe(7);
    expect(versionShowing(key, board, at(151))).toBeUndefined();
  });

  test("a page is not known to show what a clock ahead by an hour recorded", () => {
    const record = seen(row("running"));
    const now = at(-3_600);
    expect(versionShowing(key, { rows: [row("running")], gone: [], record }, now)).toBeUndefined();
  });

  test.each<[string, readonly BoardRow[], PageRecord]>([
    ["a row in another state", [row("failed")], seen(row("running"))],
    ["another row", [row("running")], seen(row("running", "tekton ci/site"))],
    ["a row that is gone", [], seen(row("running"))],
    ["a row before its first write", [row("running")], {}],
  ])("a page is not known to show %s", (_, rows, record) => {
    expect(versionShowing(key, { rows, gone: [], record }, at(1))).toBeUndefined();
  });
});
