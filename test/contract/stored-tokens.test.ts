import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { epochMillis, laterBy, toSeconds } from "../../shared/host/clock.ts";
import { createTable } from "../../shared/store/dynamodb/create-table.ts";
import { deleteExpired } from "../../shared/store/dynamodb/embedded.ts";
import { DynamoDbStoredTokens } from "../../shared/store/dynamodb/stored-tokens.ts";
import { DynamoDbTable } from "../../shared/store/dynamodb/table.ts";
import type { StoredTokenStore } from "../../shared/store/stored-tokens.ts";
import { dynamoDbKinds } from "../support/stores.ts";

const START = epochMillis(Date.parse("2026-11-02T09:00:00Z"));
const after = (minutes: number) => toSeconds(laterBy(START, minutes * 60_000));

for (const kind of dynamoDbKinds) {
  const title = kind.missing === undefined ? kind.name : `${kind.name}: left out, ${kind.missing}`;
  describe.skipIf(kind.missing !== undefined)(`stored tokens on ${title}`, () => {
    let seals: StoredTokenStore;
    let client: DynamoDBClient;
    let stop: (() => Promise<void>) | undefined;
    beforeAll(async () => {
      const started = await kind.start();
      ({ client, stop } = started);
      await createTable(client, "seals");
      seals = new DynamoDbStoredTokens(new DynamoDbTable(client, "seals"));
    }, 60_000);
    afterAll(() => stop?.());

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
      await deleteExpired(client, "seals", laterBy(START, 6 * 60_000));
      expect(await seals.find("gone", after(0))).toBeUndefined();
    });
  });
}
