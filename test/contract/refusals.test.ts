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
      await Promise.all(Array.from({ length: 5 }, () => refusals.add({ ...count, requests: ["r-3"] })));
      expect(await refusals.list(all)).toEqual([{ ...count, count: 12, requests: ["r-3"], goodAt: NOW }]);
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
