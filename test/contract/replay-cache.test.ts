import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { epochMillis, laterBy, toSeconds } from "../../shared/host/clock.ts";
import { DynamoDbTable } from "../../shared/store/dynamodb/table.ts";
import { ReplayCache } from "../../shared/store/replay-cache.ts";
import { type TestDatabase, type TestTable, tableKinds } from "../support/stores.ts";

const START = epochMillis(Date.parse("2026-11-02T09:00:00Z"));
const UNTIL = toSeconds(laterBy(START, 300_000));

for (const kind of tableKinds) {
  const title = kind.missing === undefined ? kind.name : `${kind.name}: left out, ${kind.missing}`;
  describe.skipIf(kind.missing !== undefined)(`the replay cache on ${title}`, () => {
    let database: TestDatabase;
    let seen: ReplayCache;
    let deleteExpired: TestTable["deleteExpired"];
    beforeAll(async () => {
      database = await kind.start();
      const fresh = await database.freshTable();
      seen = new ReplayCache(fresh.table);
      deleteExpired = fresh.deleteExpired;
    }, 60_000);
    afterAll(() => database?.stop());

    it("only one of many simultaneous uses gets a token", async () => {
      const uses = Array.from({ length: 40 }, (_, n) => `use-${n}`);
      const answers = await Promise.all(uses.map((use) => seen.take("many", use, UNTIL)));
      expect(answers.filter(Boolean)).toHaveLength(1);
      const winner = uses[answers.indexOf(true)] ?? "";
      expect(await seen.take("many", winner, UNTIL)).toBe(true);
      expect(await seen.take("many", "later", UNTIL)).toBe(false);
    });

    it("the same use gets its token again, at once and later", async () => {
      const answers = await Promise.all(Array.from({ length: 10 }, () => seen.take("same", "one", UNTIL)));
      expect(answers).toEqual(Array.from({ length: 10 }, () => true));
      expect(await seen.take("same", "other", UNTIL)).toBe(false);
      expect(await seen.take("same", "one", UNTIL)).toBe(true);
    });

    it("different tokens are separate", async () => {
      expect(await seen.take("a", "one", UNTIL)).toBe(true);
      expect(await seen.take("b", "other", UNTIL)).toBe(true);
    });

    it("a token is kept until it expires, and deleted soon after", async () => {
      await seen.take("timed", "one", UNTIL);
      await deleteExpired(laterBy(START, 300_000));
      expect(await seen.take("timed", "other", UNTIL)).toBe(false);
      await deleteExpired(laterBy(START, 302_000));
      expect(await seen.take("timed", "other", UNTIL)).toBe(true);
    });
  });
}

describe("the replay cache without a table", () => {
  it("the absence of the table is a fault, never an accepted token", async () => {
    const client = new DynamoDBClient({
      endpoint: "http://127.0.0.1:1",
      region: "local",
      maxAttempts: 1,
      credentials: { accessKeyId: "none", secretAccessKey: "none" },
    });
    const seen = new ReplayCache(new DynamoDbTable(client, "seen-tokens"));
    await expect(seen.take("a", "one", UNTIL)).rejects.toMatchObject({ code: "store_unavailable", retryable: true });
    client.destroy();
  });
});
