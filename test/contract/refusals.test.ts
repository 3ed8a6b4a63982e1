import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { epochMillis, laterBy } from "../../shared/host/clock.ts";
import { RefusalStore, WINDOW_MS } from "../../shared/store/refusals.ts";
import { type TestDatabase, tableKinds } from "../support/stores.ts";

const NOW = epochMillis(Date.parse("2026-11-02T09:00:00Z"));
const count = {
  source: "gitlab",
  reason: "signature_mismatch",
  window: NOW,
  count: 2,
  lastAt: laterBy(NOW, 5),
  requests: ["r-2", "r-1"],
};
const all = { from: laterBy(NOW, -86_400_000), to: laterBy(NOW, 86_400_000), limit: 100 };

for (const kind of tableKinds) {
  const title = kind.missing === undefined ? kind.name : `${kind.name}: left out, ${kind.missing}`;
  describe.skipIf(kind.missing !== undefined)(`counts of refused requests on ${title}`, () => {
    let database: TestDatabase;
    let refusals: RefusalStore;
    beforeAll(async () => {
      database = await kind.start();
    }, 60_000);
    beforeEach(async () => {
      refusals = new RefusalStore((await database.freshTable()).table);
    });
    afterAll(() => database?.stop());

    it("counts of one window add up, at once too, and the newest requests and the last proof stay", async () => {
      await refusals.add({ ...count, goodAt: NOW });
      await Promise.all(Array.from({ length: 3 }, (_, at) => refusals.add({ ...count, requests: [`r-${at + 3}`] })));
      const [added, ...others] = await refusals.list(all);
      expect(others).toEqual([]);
      expect(added).toEqual({ ...count, count: 8, requests: expect.any(Array), goodAt: NOW });
      expect(added?.requests.toSorted()).toEqual(["r-1", "r-2", "r-3", "r-4", "r-5"]);
      expect(added?.requests.slice(3)).toEqual(["r-2", "r-1"]);
      await refusals.add({ ...count, requests: ["r-6"], lastAt: laterBy(NOW, 6) });
      await refusals.add({ ...count, requests: ["r-0"], lastAt: NOW });
      const [last] = await refusals.list(all);
      expect(last).toEqual({
        ...added,
        count: 12,
        requests: ["r-6", ...(added?.requests.slice(0, 4) ?? [])],
        lastAt: laterBy(NOW, 6),
      });
    });

    it("an id that is added again, after an answer that was lost, stands there once", async () => {
      await refusals.add(count);
      await refusals.add({ ...count, requests: ["r-3", "r-2"] });
      expect(await refusals.list(all)).toMatchObject([{ requests: ["r-3", "r-2", "r-1"] }]);
    });

    it("a request without a record leads to the one that stands for it, and a later one with its id to the later record", async () => {
      expect(await refusals.repeatOf("r-1")).toBeUndefined();
      for (const delivery of ["d-1", "d-1", "d-2"]) await refusals.addRepeat({ id: "R-1", delivery, at: NOW });
      expect([await refusals.repeatOf("r-1"), await refusals.repeatOf("r-2")]).toEqual(["d-2", undefined]);
    });

    it("a list has the newest windows first, only those of its time, and no more than its limit", async () => {
      const windows = [0, 1, 2, 3].map((at) => laterBy(NOW, at * WINDOW_MS));
      for (const window of windows) await refusals.add({ ...count, window });
      const listed = async (range: object) => (await refusals.list({ ...all, ...range })).map(({ window }) => window);
      expect(await listed({ limit: 2 })).toEqual([windows[3], windows[2]]);
      expect(await listed({ from: laterBy(NOW, WINDOW_MS + 1), to: windows[2] })).toEqual([windows[2], windows[1]]);
    });
  });
}
