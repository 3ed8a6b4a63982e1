import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { laterBy } from "../../shared/host/clock.ts";
import { type ChangeAddress, ChangeCommentStore, type PageReport } from "../../shared/store/change-comments.ts";
import { CommitStatusStore } from "../../shared/store/commit-statuses.ts";
import { type TestDatabase, tableKinds } from "../support/stores.ts";
import { testClock } from "../support/test-doubles.ts";

const change = (id: string, changes: Partial<ChangeAddress> = {}): ChangeAddress => ({
  system: "https://gitlab.example.test",
  project: "platform/docs",
  id,
  ...changes,
});
const shown = { url: "https://wiki.example.test/1", pipeline: "docs", state: "failed", at: "2026-11-02" } as const;
const report = (changes: Partial<PageReport> = {}): PageReport => ({
  site: "https://wiki.example.test",
  page: "1",
  row: "docs",
  run: "a",
  order: "1",
  isPending: false,
  ...changes,
});

for (const kind of tableKinds) {
  const title = kind.missing === undefined ? kind.name : `${kind.name}: left out, ${kind.missing}`;
  describe.skipIf(kind.missing !== undefined)(`comments on changes on ${title}`, () => {
    const clock = testClock();
    let comments: ChangeCommentStore;
    let database: TestDatabase;
    beforeAll(async () => {
      database = await kind.start();
      comments = new ChangeCommentStore((await database.freshTable()).table, { retentionDays: 90, clock });
    }, 60_000);
    afterAll(() => database?.stop());

    it("the pages of a change are found under its system, project and number alone", async () => {
      await comments.recordPage(change("1"), report({ shown }));
      await comments.recordPage(change("1"), report({ page: "2" }));
      await comments.firstLook(change("1"), "a");
      await comments.lease(change("1"), clock.now(), laterBy(clock.now(), 1));
      expect(await comments.pages(change("1"))).toEqual([
        { run: "a", isPending: false, shown },
        { run: "a", isPending: false },
      ]);
      for (const other of [
        change("2"),
        change("1", { system: "https://gitlab.example.org" }),
        change("1", { project: "x" }),
      ])
        expect(await comments.pages(other)).toEqual([]);
    });

    it("a later state replaces an earlier one, and what the page shows stays until it shows another", async () => {
      await comments.recordPage(change("3"), report({ order: "2", run: "b", isPending: true }));
      await comments.recordPage(change("3"), report({ order: "2", run: "b", shown }));
      await comments.recordPage(change("3"), report({ order: "2", run: "b", isPending: true }));
      await comments.recordPage(change("3"), report({ order: "1", run: "a", shown: { ...shown, state: "skipped" } }));
      expect(await comments.pages(change("3"))).toEqual([{ run: "b", isPending: false, shown }]);
      await comments.recordPage(change("3"), report({ order: "3", run: "c", isPending: true }));
      expect(await comments.pages(change("3"))).toEqual([{ run: "c", isPending: true, shown }]);
    });

    it("the first look at a run is remembered", async () => {
      const first = clock.now();
      expect(await comments.firstLook(change("4"), "a")).toBe(first);
      clock.advance(1_000);
      expect(await comments.firstLook(change("4"), "a")).toBe(first);
      expect(await comments.firstLook(change("4"), "b")).toBe(clock.now());
    });

    it("one caller has the lease, and a late one changes nothing", async () => {
      const until = () => laterBy(clock.now(), 60_000);
      const taken = await Promise.all([1, 2, 3].map(() => comments.lease(change("5"), clock.now(), until())));
      const leases = taken.flatMap((lease) => lease ?? []);
      expect(leases).toEqual([{ owner: 1, comment: {} }]);
      clock.advance(60_001);
      const second = await comments.lease(change("5"), clock.now(), until());
      for (const lease of leases) expect(await comments.release(change("5"), lease, { id: "7" })).toBe(false);
      if (second) expect(await comments.release(change("5"), second, { id: "8" })).toBe(true);
      expect(await comments.lease(change("5"), clock.now(), until())).toEqual({ owner: 3, comment: { id: "8" } });
    });

    it("one caller sets a status, and whoever follows one that crashed knows that it may have written", async () => {
      const statuses = new CommitStatusStore((await database.freshTable()).table, { retentionDays: 90, clock });
      const address = { system: "https://gitlab.example.test", project: "a/b", commit: "c".repeat(40), name: "docs" };
      const take = (changes = {}) =>
        statuses.lease({ ...address, ...changes }, clock.now(), laterBy(clock.now(), 60_000));
      const record = { run: "tekton 1", place: { project: "7", sha: "c".repeat(40), pipeline: 3 } };
      const first = await take();
      expect(first).toEqual({ owner: 1, record: {} });
      expect(await take()).toBeUndefined();
      expect(await take({ name: "lint" })).toEqual({ owner: 1, record: {} });
      if (first) expect(await statuses.release(address, first, record)).toBe(true);
      const second = await take();
      expect(second).toEqual({ owner: 2, record });
      clock.advance(60_001);
      expect(await take()).toEqual({ owner: 3, record: { ...record, isUnsure: true } });
      if (second) expect(await statuses.release(address, second, {})).toBe(false);
    });

    it("a lease that a clock ahead of its time took is free", async () => {
      await comments.lease(change("6"), laterBy(clock.now(), 3_600_000), laterBy(clock.now(), 3_660_000));
      expect(await comments.lease(change("6"), clock.now(), laterBy(clock.now(), 60_000))).toMatchObject({ owner: 2 });
    });
  });
}
