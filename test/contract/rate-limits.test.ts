import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { epochMillis, laterBy } from "../../shared/host/clock.ts";
import { RateLimitStore } from "../../shared/store/rate-limits.ts";
import { type TestDatabase, tableKinds } from "../support/stores.ts";

const NOW = epochMillis(Date.parse("2026-11-02T09:00:30Z"));

for (const kind of tableKinds) {
  const title = kind.missing === undefined ? kind.name : `${kind.name}: left out, ${kind.missing}`;
  describe.skipIf(kind.missing !== undefined)(`request counts on ${title}`, () => {
    let database: TestDatabase;
    let rates: RateLimitStore;
    beforeAll(async () => {
      database = await kind.start();
      rates = new RateLimitStore((await database.freshTable()).table);
    }, 60_000);
    afterAll(() => database?.stop());

    it("exactly the limit is let through, of any number at once", async () => {
      const answers = await Promise.all(Array.from({ length: 40 }, () => rates.count(["robot", "prod"], NOW, 7)));
      expect(answers.filter(Boolean)).toHaveLength(7);
      expect(await rates.count(["robot", "prod"], NOW, 7)).toBe(false);
    });

    it("each bucket is counted separately, however its parts are split", async () => {
      expect(await rates.count(["a", "b"], NOW, 1)).toBe(true);
      expect(await rates.count(["a", "b"], NOW, 1)).toBe(false);
      for (const bucket of [["a"], ["ab"], ["a", "b", ""], ['a","b']]) {
        expect(await rates.count(bucket, NOW, 1)).toBe(true);
      }
    });

    it("what is taken back can be counted again in its minute, and never more than was counted", async () => {
      expect(await rates.count(["d"], NOW, 1)).toBe(true);
      await rates.uncount(["d"], laterBy(NOW, 30_000));
      expect(await rates.count(["d"], NOW, 1)).toBe(false);
      await rates.uncount(["d"], NOW);
      await rates.uncount(["d"], NOW);
      expect(await rates.count(["d"], NOW, 1)).toBe(true);
      expect(await rates.count(["d"], NOW, 1)).toBe(false);
    });

    it("the count starts again with each minute of the clock", async () => {
      expect(await rates.count(["c"], NOW, 1)).toBe(true);
      expect(await rates.count(["c"], laterBy(NOW, 29_999), 1)).toBe(false);
      expect(await rates.count(["c"], laterBy(NOW, 30_000), 1)).toBe(true);
    });
  });
}
