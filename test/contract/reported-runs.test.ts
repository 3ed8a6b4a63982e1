import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { laterBy } from "../../shared/host/clock.ts";
import { withReport } from "../../shared/model/reported-run.ts";
import {
  type ReportedRunId,
  ReportedRunStore,
  reportedRunOf,
  type StoredRun,
} from "../../shared/store/reported-runs.ts";
import { buildEntry } from "../support/sandbox-confluence-action.ts";
import { type TestDatabase, tableKinds } from "../support/stores.ts";
import { testClock } from "../support/test-doubles.ts";

const DAY_MS = 86_400_000;

for (const kind of tableKinds) {
  const title = kind.missing === undefined ? kind.name : `${kind.name}: left out, ${kind.missing}`;
  describe.skipIf(kind.missing !== undefined)(`reported runs on ${title}`, () => {
    let database: TestDatabase;
    beforeAll(async () => {
      database = await kind.start();
    }, 60_000);
    afterAll(() => database?.stop());

    async function start() {
      const { table, deleteExpired } = await database.freshTable();
      const clock = testClock();
      return { runs: new ReportedRunStore(table, { retentionDays: 30, clock }), clock, deleteExpired };
    }

    const idOf = (number: number): ReportedRunId => {
      const id = reportedRunOf(buildEntry({ number, state: "running" }));
      if (id === undefined) throw new Error("the event reports a run");
      return id;
    };
    const RUN = idOf(1);
    const report = { delivery: "d-1", event: "d-1", eventKey: "e-1", state: "running", reportedAt: "" } as const;
    const runAt = (receivedAt: StoredRun["run"]["lastAt"]): StoredRun["run"] =>
      withReport(undefined, { report, receivedAt, now: receivedAt });

    it("a run is read as it was changed, and is in the queue until it has no due time", async () => {
      const { runs, clock } = await start();
      expect(await runs.get(RUN)).toBeUndefined();
      const stored = { run: runAt(clock.now()), dueAt: laterBy(clock.now(), 5_000) };
      expect(await runs.change(RUN, () => stored)).toEqual(stored);
      expect(await runs.get(RUN)).toEqual(stored);
      expect(await runs.due(laterBy(clock.now(), 4_999), 9)).toEqual([]);
      expect(await runs.due(laterBy(clock.now(), 5_000), 9)).toEqual([RUN]);
      await runs.change(RUN, (before) => before && { ...before, dueAt: undefined });
      expect(await runs.get(RUN)).toEqual({ ...stored, dueAt: undefined });
      expect(await runs.due(laterBy(clock.now(), DAY_MS), 9)).toEqual([]);
    });

    it("of changes at the same time each sees the one before it", async () => {
      const { runs, clock } = await start();
      await Promise.all(
        Array.from({ length: 5 }, () =>
          runs.change(RUN, (before) => ({
            run: runAt(laterBy(before?.run.lastAt ?? clock.now(), 1)),
            dueAt: undefined,
          })),
        ),
      );
      expect((await runs.get(RUN))?.run.lastAt).toBe(clock.now() + 5);
    });

    it("a change that returns what was there, or nothing, writes nothing", async () => {
      const { runs, clock } = await start();
      expect(await runs.change(RUN, (before) => before)).toBeUndefined();
      expect(await runs.get(RUN)).toBeUndefined();
      const stored = { run: runAt(clock.now()), dueAt: laterBy(clock.now(), 1) };
      await runs.change(RUN, () => stored);
      await runs.change(RUN, (before) => before);
      expect(await runs.get(RUN)).toEqual(stored);
    });

    it("the runs that have been due for longest come first, and a dropped run comes no more", async () => {
      const { runs, clock } = await start();
      const [first, second, third] = [idOf(1), idOf(2), idOf(3)];
      for (const [id, ms] of [
        [third, 3],
        [first, 1],
        [second, 2],
      ] as const) {
        await runs.change(id, () => ({ run: runAt(clock.now()), dueAt: laterBy(clock.now(), ms) }));
      }
      const now = laterBy(clock.now(), 3);
      expect(await runs.due(now, 2)).toEqual([first, second]);
      await runs.drop(first);
      await runs.drop(idOf(4));
      expect(await runs.due(now, 9)).toEqual([second, third]);
      expect((await runs.get(first))?.dueAt).toBeUndefined();
      expect(await runs.get(idOf(4))).toBeUndefined();
    });

    it("a due time of a clock that was ahead is corrected", async () => {
      const { runs, clock } = await start();
      const before = clock.now();
      clock.set(DAY_MS);
      await runs.change(RUN, () => ({ run: runAt(clock.now()), dueAt: laterBy(clock.now(), 1) }));
      clock.set(-DAY_MS);
      await runs.correctDueTimes(before);
      expect(await runs.due(before, 9)).toEqual([RUN]);
    });

    it("a run that is due after the retention is kept until then", async () => {
      const { runs, clock, deleteExpired } = await start();
      await runs.change(RUN, () => ({ run: runAt(clock.now()), dueAt: laterBy(clock.now(), 40 * DAY_MS) }));
      await deleteExpired(laterBy(clock.now(), 39 * DAY_MS));
      expect(await runs.get(RUN)).toBeDefined();
    });
  });
}
