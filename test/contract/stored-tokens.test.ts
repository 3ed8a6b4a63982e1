import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { epochMillis, laterBy, toSeconds } from "../../shared/host/clock.ts";
import { StoredTokenStore } from "../../shared/store/stored-tokens.ts";
import { type TestDatabase, type TestTable, tableKinds } from "../support/stores.ts";

const START = epochMillis(Date.parse("2026-11-02T09:00:00Z"));
const after = (minutes: number) => toSeconds(laterBy(START, minutes * 60_000));

for (const kind of tableKinds) {
  const title = kind.missing === undefined ? kind.name : `${kind.name}: left out, ${kind.missing}`;
  describe.skipIf(kind.missing !== undefined)(`stored tokens on ${title}`, () => {
    let seals: StoredTokenStore;
    let database: TestDatabase;
    let deleteExpired: TestTable["deleteExpired"];
    beforeAll(async () => {
      database = await kind.start();
      const fresh = await database.freshTable();
      seals = new StoredTokenStore(fresh.table);
      deleteExpired = fresh.deleteExpired;
    }, 60_000);
    afterAll(() => database?.stop());

    it("each source has its own token, until it expires", async () => {
      await seals.keep("wiki", "sealed-1", after(120));
      await seals.keep("docs", "sealed-2", after(90));
      expect(await seals.find("wiki", after(0))).toBe("sealed-1");
      expect(await seals.find("docs", after(89))).toBe("sealed-2");
      expect(await seals.find("docs", after(90))).toBeUndefined();
      expect(await seals.find("other", after(0))).toBeUndefined();
    });

    it("the token that expires last is kept, in whatever order tokens arrive", async () => {
      const ends = [30, 50, 10, 40, 50];
      await Promise.all(ends.map((minutes, at) => seals.keep("many", `${at} ends ${minutes}`, after(minutes))));
      expect(await seals.find("many", after(0))).toMatch(/ends 50$/);
    });

    it("a token is deleted once it has expired", async () => {
      await seals.keep("gone", "sealed", after(5));
      await deleteExpired(laterBy(START, 6 * 60_000));
      expect(await seals.find("gone", after(0))).toBeUndefined();
    });
  });
}
