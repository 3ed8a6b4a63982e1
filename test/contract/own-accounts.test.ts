import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { epochMillis, laterBy } from "../../shared/host/clock.ts";
import { OwnAccountStore } from "../../shared/store/own-accounts.ts";
import { type TestDatabase, type TestTable, tableKinds } from "../support/stores.ts";

const START = epochMillis(Date.parse("2026-11-02T09:00:00Z"));
const after = (minutes: number) => laterBy(START, minutes * 60_000);
const WIKI = "https://wiki.example.test";

for (const kind of tableKinds) {
  const title = kind.missing === undefined ? kind.name : `${kind.name}: left out, ${kind.missing}`;
  describe.skipIf(kind.missing !== undefined)(`own accounts on ${title}`, () => {
    let accounts: OwnAccountStore;
    let database: TestDatabase;
    let deleteExpired: TestTable["deleteExpired"];
    beforeAll(async () => {
      database = await kind.start();
      const fresh = await database.freshTable();
      accounts = new OwnAccountStore(fresh.table, { retentionDays: 90 });
      deleteExpired = fresh.deleteExpired;
    }, 60_000);
    afterAll(() => database?.stop());

    it("an account is the bridge's own on its site alone, from the record until its end", async () => {
      const own = { site: WIKI, account: "key-1" };
      expect(await accounts.isOwn(own, after(0))).toBe(false);
      await accounts.record(own, after(60));
      expect(await accounts.isOwn(own, after(59))).toBe(true);
      expect(await accounts.isOwn(own, after(60))).toBe(false);
      expect(await accounts.isOwn({ ...own, account: "key-2" }, after(0))).toBe(false);
      expect(await accounts.isOwn({ ...own, site: "https://docs.example.test" }, after(0))).toBe(false);
    });

    it("an account stays the bridge's own until the latest end, in whatever order two processes record it", async () => {
      const own = { site: WIKI, account: "key-3" };
      await Promise.all([30, 50, 10, 50].map((minutes) => accounts.record(own, after(minutes))));
      await accounts.record(own, after(20));
      expect(await accounts.isOwn(own, after(49))).toBe(true);
      expect(await accounts.isOwn(own, after(50))).toBe(false);
    });

    it("an account is found under the site's address in the spelling of the source and of the target", async () => {
      await accounts.record({ site: "https://WIKI.example.test:443/confluence", account: "key-4" }, after(60));
      expect(await accounts.isOwn({ site: `${WIKI}/confluence`, account: "key-4" }, after(0))).toBe(true);
      expect(await accounts.isOwn({ site: `${WIKI}/Confluence`, account: "key-4" }, after(0))).toBe(false);
    });

    it("an account is found by its user key alone, however the site and the key are spelled", async () => {
      const key = "8a7f808a8f0d1c6e018f0d1f5c2a0001";
      await accounts.record({ site: "http://127.0.0.1:8090/confluence", account: key.toUpperCase() }, after(60));
      for (const site of ["http://localhost:8090", "https://wiki.example.test/", "not an address"])
        expect(await accounts.isOwn({ site, account: key }, after(0))).toBe(true);
      expect(await accounts.isOwn({ site: WIKI, account: `${key.slice(1)}2` }, after(0))).toBe(false);
    });

    it("an account is found for a delivery that is published late", async () => {
      const own = { site: WIKI, account: "key-5" };
      await accounts.record(own, after(60));
      await deleteExpired(after(89 * 24 * 60));
      expect(await accounts.isOwn(own, after(5))).toBe(true);
      await deleteExpired(after(91 * 24 * 60));
      expect(await accounts.isOwn(own, after(5))).toBe(false);
    });
  });
}
