import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { epochMillis, laterBy } from "../../shared/host/clock.ts";
import type { ShownBuild } from "../../shared/model/board.ts";
import { commitsSince, NO_CODE, withPush, withSeen } from "../../shared/model/code-since.ts";
import { BoardStore } from "../../shared/store/boards.ts";
import { type TableKind, tableKinds } from "../support/stores.ts";
import { testClock } from "../support/test-doubles.ts";

const START = epochMillis(Date.parse("2026-11-02T09:00:00Z"));
const PAGE = { site: "https://wiki.example.test", id: "98310" };

const row = (changes: Partial<ShownBuild>, delivery = "d-1") => {
  const build: ShownBuild = {
    system: "tekton",
    id: "run-1",
    pipeline: "ci/docs",
    state: "running",
    createdAt: "2026-11-02T09:00:00.000Z",
    ...changes,
  };
  return { key: "tekton ci/docs on main", build, delivery };
};
const first = { id: "run-1", number: 1, state: "failed", finishedAt: "2026-11-02T09:03:00.000Z" } as const;
const second = { id: "run-2", number: 2, state: "running", createdAt: "2026-11-02T10:00:00.000Z" } as const;

for (const kind of tableKinds) {
  oldRows(kind);
  suite(kind.name, kind.missing, async () => {
    const database = await kind.start();
    const open = async () => {
      const { table } = await database.freshTable();
      return new BoardStore(table, { retentionDays: 30, clock: testClock(), singleProcess: false });
    };
    return { open, stop: () => database.stop() };
  });
}

for (const kind of tableKinds) {
  const title = kind.missing === undefined ? kind.name : `${kind.name}: left out, ${kind.missing}`;
  it.skipIf(kind.missing !== undefined)(
    `on ${title}, the lease of a process that has ended is void for the only process of the table, and for no other`,
    async () => {
      const database = await kind.start();
      try {
        const { table } = await database.freshTable();
        const options = { retentionDays: 30, clock: testClock() };
        const first = new BoardStore(table, { ...options, singleProcess: true });
        const later = new BoardStore(table, { ...options, singleProcess: true });
        const oneOfMany = new BoardStore(table, { ...options, singleProcess: false });
        const until = laterBy(START, 75_000);
        const before = await first.lease(PAGE, START, until);
        expect(await first.lease(PAGE, START, until)).toBeUndefined();
        expect(await oneOfMany.lease(PAGE, START, until)).toBeUndefined();
        const after = await later.lease(PAGE, START, until);
        expect(after?.owner).toBe((before?.owner ?? 0) + 1);
        expect(await later.lease(PAGE, START, until)).toBeUndefined();
        // The ended process would lose the race, if it still ran.
        expect(before && (await first.release(PAGE, before, {}))).toBe(false);
        expect(after && (await later.release(PAGE, after, {}))).toBe(true);
      } finally {
        await database.stop();
      }
    },
    60_000,
  );
}

/** Earlier versions stored a row under the order of its newest build, without a time. */
function oldRows(kind: TableKind): void {
  const title = kind.missing === undefined ? kind.name : `${kind.name}: left out, ${kind.missing}`;
  it.skipIf(kind.missing !== undefined)(
    `a row on ${title} that was stored without runs is shown, and replaced by a newer one`,
    async () => {
      const database = await kind.start();
      try {
        const { table } = await database.freshTable();
        const { key } = row({});
        const { createdAt: _, ...build } = row({ ...first, state: "succeeded" }).build;
        await table.put({
          pk: `page#${PAGE.id}#${PAGE.site}`,
          sk: `row#${key}`,
          delivery: "d-0",
          build: JSON.stringify(build),
          order: "|000000000001|2|",
          endedOrder: "|000000000001|2|",
          ended: JSON.stringify({ state: "succeeded" }),
        });
        const boards = new BoardStore(table, { retentionDays: 30, clock: testClock(), singleProcess: false });
        expect((await boards.read(PAGE)).rows).toEqual([{ key, build, delivery: "d-0" }]);
        expect(await boards.advance(PAGE, row(second, "d-2"))).toBe("shown");
        expect((await boards.read(PAGE)).rows).toEqual([{ ...row(second, "d-2"), ended: build }]);
      } finally {
        await database.stop();
      }
    },
  );
}

interface Harness {
  /** Empty boards. */
  open(): Promise<BoardStore>;
  stop(): Promise<void>;
}

function suite(name: string, missing: string | undefined, start: () => Promise<Harness>): void {
  const title = missing === undefined ? name : `${name}: left out, ${missing}`;
  describe.skipIf(missing !== undefined)(`boards on ${title}`, () => {
    let harness: Harness;
    beforeAll(async () => {
      harness = await start();
    }, 60_000);
    afterAll(() => harness?.stop());

    it("a row never steps back, whatever the order of arrival", async () => {
      const boards = await harness.open();
      const finishedAt = "2026-11-02T09:03:00.000Z";
      expect(await boards.advance(PAGE, row({ state: "running" }))).toBe("shown");
      expect(await boards.advance(PAGE, row({ state: "succeeded", finishedAt }, "d-2"))).toBe("shown");
      expect(await boards.advance(PAGE, row({ state: "running" }, "d-3"))).toBe("replaced");
      expect(await boards.advance(PAGE, row({ state: "queued" }, "d-4"))).toBe("replaced");
      expect((await boards.read(PAGE)).rows).toEqual([row({ state: "succeeded", finishedAt }, "d-2")]);
    });

    it("pushes and edits that are counted at once are all kept, and a repeat writes nothing", async () => {
      const boards = await harness.open();
      const pushOf = (n: number) => ({
        at: laterBy(START, n * 1_000),
        project: "platform/docs",
        commits: [`commit${n}`],
        paths: [],
        isPartial: false,
      });
      const numbers = Array.from({ length: 8 }, (_, n) => n);
      const add = (n: number) => boards.changeCode(PAGE, (code) => withPush(code, pushOf(n)));
      const seen = { at: laterBy(START, 2_000), how: "edited" } as const;
      await Promise.all([...numbers.map(add), boards.changeCode(PAGE, (code) => withSeen(code, seen))]);
      const { code = NO_CODE, rows } = await boards.read(PAGE);
      expect(rows).toEqual([]);
      expect(commitsSince(code)).toMatchObject({ count: 5, isMore: false });
      expect(await add(3)).toEqual(code);
      expect((await boards.read(PAGE)).code).toEqual(code);
      expect((await boards.read({ ...PAGE, id: "1" })).code).toBeUndefined();
    });

    it("the same state is accepted again, so that a repeat is harmless", async () => {
      const boards = await harness.open();
      expect(await boards.advance(PAGE, row({ state: "running" }))).toBe("shown");
      expect(await boards.advance(PAGE, row({ state: "running" }))).toBe("shown");
    });

    it("a later run in its first state is shown beside the end of the previous run", async () => {
      const boards = await harness.open();
      await boards.advance(PAGE, row(first));
      expect(await boards.advance(PAGE, row(second, "d-2"))).toBe("shown");
      const ended = row(first).build;
      expect((await boards.read(PAGE)).rows).toEqual([{ ...row(second, "d-2"), ended }]);
    });

    it("the end of a run that is reported after a later run began is accepted, as often as it is reported", async () => {
      const boards = await harness.open();
      await boards.advance(PAGE, row(second, "d-2"));
      expect(await boards.advance(PAGE, row(first))).toBe("shown");
      expect(await boards.advance(PAGE, row(first))).toBe("shown");
      expect(await boards.advance(PAGE, row({ ...first, state: "running" }))).toBe("replaced");
      expect((await boards.read(PAGE)).rows).toMatchObject([{ delivery: "d-2", ended: { state: "failed" } }]);
    });

    it("an earlier end is not shown once the run itself has ended", async () => {
      const boards = await harness.open();
      const end = { ...second, state: "succeeded", finishedAt: "2026-11-02T10:05:00.000Z" } as const;
      await boards.advance(PAGE, row(second));
      await boards.advance(PAGE, row(end, "d-2"));
      expect(await boards.advance(PAGE, row(first))).toBe("replaced");
      expect((await boards.read(PAGE)).rows).toEqual([row(end, "d-2")]);
    });

    it("a row without a run shows the run before it, and disappears with its only run", async () => {
      const boards = await harness.open();
      await boards.advance(PAGE, row(first));
      await boards.advance(PAGE, row(second, "d-2"));
      await boards.withdraw(PAGE, row({}).key, { id: "run-2" });
      expect((await boards.read(PAGE)).rows).toEqual([row(first)]);
      for (const id of ["run-1", "run-1", "run-9"]) await boards.withdraw(PAGE, row({}).key, { id });
      expect((await boards.read(PAGE)).rows).toEqual([]);
      await boards.withdraw(PAGE, "no such row", { id: "run-1" });
      expect((await boards.read(PAGE)).rows).toEqual([]);
      expect(await boards.advance(PAGE, row(second, "d-2"))).toBe("shown");
      expect((await boards.read(PAGE)).rows).toEqual([row(second, "d-2")]);
    });

    it("a row goes with its place, whatever the order of arrival, and only a run that is created later brings it back", async () => {
      const boards = await harness.open();
      const reports = [
        (page: typeof PAGE, place: string) => boards.advance(page, { ...row(first), place }),
        (page: typeof PAGE, place: string) => boards.advance(page, { ...row(second, "d-2"), place }),
        ({ site }: typeof PAGE, place: string) => boards.end({ site, place }, { goneAt: "2026-11-02T10:30:00.000Z" }),
      ];
      for (const [at, order] of permutations(reports).entries()) {
        const page = { ...PAGE, id: String(at) };
        const place = `/sources/gitlab platform/docs on ${at}`;
        for (const report of order) await report(page, place);
        // A resend of the event, and an earlier end of a place with this name.
        for (const goneAt of ["2026-11-02T10:30:00.000Z", "2026-11-01T08:00:00.000Z"])
          await boards.end({ site: page.site, place }, { goneAt });
        expect((await boards.read(page)).rows).toEqual([]);
        expect(await boards.advance(page, { ...row(first), place })).not.toBe("shown");
        expect(await boards.advance(page, { ...row(second, "d-2"), place })).toBe("gone");
      }
      const place = "/sources/gitlab platform/docs on 0";
      const third = row({ id: "run-3", number: 3, createdAt: "2026-11-02T10:31:00.000Z" }, "d-3");
      expect(await boards.advance({ ...PAGE, id: "0" }, { ...third, place })).toBe("shown");
      expect(await boards.advance({ ...PAGE, id: "0" }, { ...row(second, "d-2"), place })).toBe("replaced");
      expect((await boards.read({ ...PAGE, id: "0" })).rows).toEqual([third]);
    });

    it("a place that is there again shows its last runs, until it goes again", async () => {
      const boards = await harness.open();
      const place = { site: PAGE.site, place: "/sources/gitlab platform/docs change 37" };
      await boards.advance(PAGE, { ...row(first), place: place.place });
      // The return is reported before the end.
      expect(await boards.end(place, { backAt: "2026-11-02T11:00:00.000Z" })).toEqual([PAGE.id]);
      expect(await boards.end(place, { goneAt: "2026-11-02T10:00:00.000Z" })).toEqual([PAGE.id]);
      expect((await boards.read(PAGE)).rows).toEqual([row(first)]);
      await boards.end(place, { goneAt: "2026-11-02T12:00:00.000Z" });
      await boards.end(place, { backAt: "2026-11-02T11:00:00.000Z" });
      expect(await boards.read(PAGE)).toMatchObject({ rows: [], gone: [row(first)] });
    });

    it("a place ends on the pages that have a row of it, on one site", async () => {
      const boards = await harness.open();
      const place = "/sources/gitlab platform/docs on drill";
      const elsewhere = { ...PAGE, site: "https://elsewhere.example.test" };
      await boards.advance(PAGE, { ...row(first), place });
      await boards.advance(PAGE, { ...row(first), key: "gitlab site#2 on drill", place });
      await boards.advance({ ...PAGE, id: "5" }, { ...row(first), place });
      await boards.advance({ ...PAGE, id: "6" }, { ...row(first), place: `${place}/2` });
      await boards.advance(elsewhere, { ...row(first), place });
      const ids = await boards.end({ site: PAGE.site, place }, { goneAt: "2026-11-02T12:00:00.000Z" });
      expect(ids.toSorted()).toEqual(["5", PAGE.id]);
      expect((await boards.read(PAGE)).rows).toEqual([]);
      expect((await boards.read({ ...PAGE, id: "6" })).rows).toHaveLength(1);
      expect((await boards.read(elsewhere)).rows).toHaveLength(1);
    });

    it("a writer that read the board before the end of its place loses the race", async () => {
      const boards = await harness.open();
      const place = "/sources/gitlab platform/docs on drill";
      const goneAt = "2026-11-02T12:00:00.000Z";
      const states = ["queued", "running", "succeeded"] as const;
      await Promise.all([
        ...states.map((state) => boards.advance(PAGE, { ...row({ state }), place })),
        boards.end({ site: PAGE.site, place }, { goneAt }),
        ...states.map((state) => boards.advance({ ...PAGE, id: "5" }, { ...row({ state }), place })),
      ]);
      for (const id of [PAGE.id, "5"]) expect((await boards.read({ ...PAGE, id })).rows).toEqual([]);
    });

    it("pages and rows are separate", async () => {
      const boards = await harness.open();
      const other = { ...row({}), key: "gitlab docs on main" };
      await boards.advance(PAGE, row({}));
      await boards.advance(PAGE, other);
      await boards.advance({ ...PAGE, id: "5" }, row({}));
      expect((await boards.read(PAGE)).rows).toEqual([other, row({})]);
      expect(await boards.read({ ...PAGE, site: "https://elsewhere.example.test" })).toEqual({
        rows: [],
        gone: [],
        record: {},
      });
    });

    it("many simultaneous writers leave the furthest state", async () => {
      const boards = await harness.open();
      const states = ["queued", "running", "waiting", "running", "succeeded", "queued"] as const;
      const reported = states.flatMap((state) => [row({ state }), row({ state })]);
      await Promise.all(reported.map((one) => boards.advance(PAGE, one)));
      expect((await boards.read(PAGE)).rows[0]?.build.state).toBe("succeeded");
    });

    it("one of many writers gets the lease, until it ends or expires", async () => {
      const boards = await harness.open();
      const lease = (atMs: number) => boards.lease(PAGE, laterBy(START, atMs), laterBy(START, atMs + 1_000));
      const leases = await Promise.all(Array.from({ length: 20 }, () => lease(0)));
      const [won, ...others] = leases.filter((one) => one !== undefined);
      if (!won) throw new Error("one should have got it");
      expect(others).toEqual([]);
      expect(await lease(999)).toBeUndefined();
      expect(await boards.release(PAGE, won, {})).toBe(true);
      expect(await lease(999)).toMatchObject({ owner: 2 });
      expect(await lease(1_999)).toMatchObject({ owner: 3 });
      expect(await boards.lease({ ...PAGE, id: "5" }, START, START)).toMatchObject({ owner: 1 });
    });

    it("a lease of a clock that was ahead is free, and one of a clock that is ahead by seconds is not", async () => {
      const boards = await harness.open();
      const lease = (atMs: number) => boards.lease(PAGE, laterBy(START, atMs), laterBy(START, atMs + 75_000));
      expect(await lease(5_000)).toMatchObject({ owner: 1 });
      expect(await lease(0)).toBeUndefined();
      expect(await lease(86_400_000)).toMatchObject({ owner: 2 });
      expect(await lease(1_000)).toMatchObject({ owner: 3 });
      expect(await lease(2_000)).toBeUndefined();
    });

    it("nothing says what a page shows after an owner that did not end its lease, because it may have written", async () => {
      const boards = await harness.open();
      const lease = (atMs: number) => boards.lease(PAGE, laterBy(START, atMs), laterBy(START, atMs + 1_000));
      const first = await lease(0);
      if (!first) throw new Error("it should have got it");
      const record = { shown: { at: START, version: 7, marks: ["a"] }, writtenAt: START };
      await boards.release(PAGE, first, record);
      expect(await lease(0)).toEqual({ owner: 2, record });
      expect(await lease(1_000)).toEqual({ owner: 3, record: { writtenAt: START } });
    });

    it("the record of the lease's owner is kept, and that of a former owner is not", async () => {
      const boards = await harness.open();
      const stale = await boards.lease(PAGE, START, laterBy(START, 1_000));
      const owner = await boards.lease(PAGE, laterBy(START, 1_000), laterBy(START, 2_000));
      if (!stale || !owner) throw new Error("both should have got it");
      const record = { shown: { at: START, version: 7, marks: ["a", "b"] }, writtenAt: START };
      expect(await boards.release(PAGE, stale, { cooldownUntil: START })).toBe(false);
      expect(await boards.release(PAGE, owner, record)).toBe(true);
      expect(await boards.release(PAGE, owner, {})).toBe(false);
      expect((await boards.read(PAGE)).record).toEqual(record);
      expect(await boards.lease(PAGE, laterBy(START, 1_000), laterBy(START, 2_000))).toEqual({ owner: 3, record });
    });
  });
}

function permutations<T>(values: readonly T[]): readonly (readonly T[])[] {
  if (values.length === 0) return [[]];
  return values.flatMap((value, at) =>
    permutations(values.filter((_, other) => other !== at)).map((others) => [value, ...others]),
  );
}
