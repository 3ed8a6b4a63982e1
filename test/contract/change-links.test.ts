import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ChangeLinkStore, type LinkingChange } from "../../shared/store/change-links.ts";
import { type TestDatabase, type TestTable, tableKinds } from "../support/stores.ts";
import { testClock } from "../support/test-doubles.ts";

const change = (id: string, changes: Partial<LinkingChange> = {}): LinkingChange => ({
  site: "https://wiki.example.test",
  source: "/sources/gitlab",
  project: "platform/docs",
  id,
  ...changes,
});
const at = (minute: number) => `2026-11-02T09:0${minute}:00.000Z`;

for (const kind of tableKinds) {
  const title = kind.missing === undefined ? kind.name : `${kind.name}: left out, ${kind.missing}`;
  describe.skipIf(kind.missing !== undefined)(`links of changes on ${title}`, () => {
    let links: ChangeLinkStore;
    let fresh: TestTable;
    let database: TestDatabase;
    beforeAll(async () => {
      database = await kind.start();
      fresh = await database.freshTable();
      links = new ChangeLinkStore(fresh.table, { retentionDays: 90, clock: testClock() });
    }, 60_000);
    afterAll(() => database?.stop());

    it("the links of a change are found under its site, source, project and number alone", async () => {
      await links.record(change("37"), "a", at(1));
      expect(await links.find(change("37"))).toBe("a");
      expect(await links.find(change("38"))).toBe("");
      for (const other of [{ site: "https://docs.example.test" }, { source: "/sources/b" }, { project: "platform/x" }])
        expect(await links.find(change("37", other))).toBe("");
    });

    it("the latest links count, in whatever order two processes record them", async () => {
      await Promise.all([3, 5, 1, 5].map((minute) => links.record(change("39"), `links ${minute}`, at(minute))));
      await links.record(change("39"), "links 2", at(2));
      expect(await links.find(change("39"))).toBe("links 5");
      await links.record(change("39"), "", at(6));
      expect(await links.find(change("39"))).toBe("");
      await links.record(change("39"), "links 4", at(4));
      expect(await links.find(change("39"))).toBe("");
    });

    it("a change without links stores nothing if it had none", async () => {
      await links.record(change("40"), "", at(3));
      await links.record(change("40"), "links 2", at(2));
      expect(await links.find(change("40"))).toBe("links 2");
    });
  });
}
