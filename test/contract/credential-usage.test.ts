import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { epochMillis, laterBy } from "../../shared/host/clock.ts";
import { CredentialUsageStore, type CredentialUse } from "../../shared/store/credential-usage.ts";
import { type TestDatabase, tableKinds } from "../support/stores.ts";

const NOW = epochMillis(Date.parse("2026-11-02T09:00:00Z"));
const use = (changes: Partial<CredentialUse> = {}): CredentialUse => ({
  kind: "source",
  name: "wiki",
  method: "hub-signature",
  credential: "current",
  lastUsedAt: NOW,
  ...changes,
});

for (const kind of tableKinds) {
  const title = kind.missing === undefined ? kind.name : `${kind.name}: left out, ${kind.missing}`;
  describe.skipIf(kind.missing !== undefined)(`credential usage on ${title}`, () => {
    let database: TestDatabase;
    const emptyStore = async (): Promise<CredentialUsageStore> => {
      const { table } = await database.freshTable();
      return new CredentialUsageStore(table, { retentionDays: 30 });
    };
    beforeAll(async () => {
      database = await kind.start();
    }, 60_000);
    afterAll(() => database?.stop());

    it("the list of uses is empty at first", async () => {
      expect(await (await emptyStore()).list()).toEqual([]);
    });

    it("the list has one use for each kind, name, method and credential, in this order", async () => {
      const uses = await emptyStore();
      const all = [
        use(),
        use({ credential: "next" }),
        use({ method: "token" }),
        use({ name: "wiki-2" }),
        use({ kind: "target", name: "wiki", method: "secret", credential: "env:A#b" }),
      ];
      await Promise.all(all.toReversed().map((one) => uses.record(one)));
      expect(await uses.list()).toEqual(all);
    });

    it("the latest time of a use is kept, in whatever order uses are recorded", async () => {
      const uses = await emptyStore();
      const times = [5, 1, 9, 3].map((ms) => laterBy(NOW, ms));
      await Promise.all(times.map((lastUsedAt) => uses.record(use({ lastUsedAt }))));
      expect(await uses.list()).toEqual([use({ lastUsedAt: laterBy(NOW, 9) })]);
    });

    it("a key id of the greatest length is stored", async () => {
      const uses = await emptyStore();
      const longest = use({ name: "n".repeat(63), credential: "\u{20AC}".repeat(200) });
      await uses.record(longest);
      expect(await uses.list()).toEqual([longest]);
    });
  });
}
