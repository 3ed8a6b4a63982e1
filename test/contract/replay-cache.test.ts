import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { epochMillis, laterBy, toSeconds } from "../../shared/host/clock.ts";
import { createTable } from "../../shared/store/dynamodb/create-table.ts";
import { deleteExpired } from "../../shared/store/dynamodb/embedded.ts";
import { DynamoDbReplayCache } from "../../shared/store/dynamodb/replay-cache.ts";
import { DynamoDbTable } from "../../shared/store/dynamodb/table.ts";
import type { ReplayCache } from "../../shared/store/replay-cache.ts";
import { seenTokensInMemory } from "../support/memory-replay-cache.ts";
import { dynamoDbKinds } from "../support/stores.ts";

const START = epochMillis(Date.parse("2026-11-02T09:00:00Z"));
const UNTIL = toSeconds(laterBy(START, 300_000));

interface Kind {
  readonly name: string;
  readonly missing: string | undefined;
  start(): Promise<{ readonly seen: ReplayCache; readonly client?: DynamoDBClient; stop(): Promise<void> }>;
}

const kinds: readonly Kind[] = [
  {
    name: "memory",
    missing: undefined,
    start: async () => ({ seen: seenTokensInMemory(), stop: async () => undefined }),
  },
  ...dynamoDbKinds.map((kind) => ({
    ...kind,
    async start() {
      const { client, stop } = await kind.start();
      await createTable(client, "seen-tokens");
      return { seen: new DynamoDbReplayCache(new DynamoDbTable(client, "seen-tokens")), client, stop };
    },
  })),
];

for (const kind of kinds) {
  const title = kind.missing === undefined ? kind.name : `${kind.name}: left out, ${kind.missing}`;
  describe.skipIf(kind.missing !== undefined)(`the replay cache on ${title}`, () => {
    let started: Awaited<ReturnType<Kind["start"]>>;
    beforeAll(async () => {
      started = await kind.start();
    }, 60_000);
    afterAll(() => started?.stop());

    it("only one of many simultaneous uses gets a token", async () => {
      const uses = Array.from({ length: 40 }, (_, n) => `use-${n}`);
      const answers = await Promise.all(uses.map((use) => started.seen.take("many", use, UNTIL)));
      expect(answers.filter(Boolean)).toHaveLength(1);
      const winner = uses[answers.indexOf(true)] ?? "";
      expect(await started.seen.take("many", winner, UNTIL)).toBe(true);
      expect(await started.seen.take("many", "later", UNTIL)).toBe(false);
    });

    it("the same use gets its token again, at once and later", async () => {
      const answers = await Promise.all(Array.from({ length: 10 }, () => started.seen.take("same", "one", UNTIL)));
      expect(answers).toEqual(Array.from({ length: 10 }, () => true));
      expect(await started.seen.take("same", "other", UNTIL)).toBe(false);
      expect(await started.seen.take("same", "one", UNTIL)).toBe(true);
    });

    it("different tokens are separate", async () => {
      expect(await started.seen.take("a", "one", UNTIL)).toBe(true);
      expect(await started.seen.take("b", "other", UNTIL)).toBe(true);
    });

    it.skipIf(kind.name === "memory")("a token is kept until it expires, and deleted soon after", async () => {
      const { client, seen } = started;
      if (!client) throw new Error("there is a database");
      await seen.take("timed", "one", UNTIL);
      await deleteExpired(client, "seen-tokens", laterBy(START, 300_000));
      expect(await seen.take("timed", "other", UNTIL)).toBe(false);
      await deleteExpired(client, "seen-tokens", laterBy(START, 302_000));
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
    const seen = new DynamoDbReplayCache(new DynamoDbTable(client, "seen-tokens"));
    await expect(seen.take("a", "one", UNTIL)).rejects.toMatchObject({ code: "store_unavailable", retryable: true });
    client.destroy();
  });
});
