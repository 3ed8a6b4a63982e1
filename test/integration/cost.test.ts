import { type DynamoDBClient, PutItemCommand, type ReturnConsumedCapacity } from "@aws-sdk/client-dynamodb";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ACTION_COSTS } from "../../infra/cost/inputs.ts";
import { itemBytes, writeUnits } from "../../infra/cost/item-size.ts";
import { measureBodies } from "../../infra/cost/measure.ts";
import measured from "../../infra/cost/measured.json" with { type: "json" };
import { fixtureItems, type RecordedItem } from "../../infra/cost/recorded-items.ts";
import { type StoredItem, toStored } from "../../shared/store/dynamodb/item.ts";
import { createTable } from "../support/create-table.ts";
import type { EmbeddedDynamoDb } from "../support/embedded-dynamodb.ts";
import { measuredActions } from "../support/metered-actions.ts";
import { dynamoDbKinds } from "../support/stores.ts";

const TABLE_NAME = "drawbridge";
const [dynalite, dynamoDbLocal] = dynamoDbKinds;

let items: readonly RecordedItem[];
let database: EmbeddedDynamoDb;
beforeAll(async () => {
  if (!dynalite) throw new Error("there is an embedded store");
  database = await dynalite.start();
  await createTable(database.client, TABLE_NAME);
  items = await fixtureItems();
});
afterAll(() => database.stop());

async function consumedBy(client: DynamoDBClient, item: StoredItem, how: ReturnConsumedCapacity) {
  const put = new PutItemCommand({ TableName: TABLE_NAME, Item: item, ReturnConsumedCapacity: how });
  return (await client.send(put)).ConsumedCapacity;
}

describe("the size of an item", () => {
  it("the write units are those that the database reports, for every fixture", async () => {
    for (const { item } of items) {
      expect((await consumedBy(database.client, item, "TOTAL"))?.CapacityUnits).toBe(writeUnits(itemBytes(item)));
    }
  });

  it("the write units are right at every kilobyte, to the byte, whatever numbers the item contains", async () => {
    let puts = 0;
    const numbers = fc.array(fc.maxSafeNat(), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(numbers, fc.integer({ min: 1, max: 4 }), fc.constantFrom(-1, 0, 1), async (all, kb, beyond) => {
        // A write over another item costs as much as the larger of the two.
        puts += 1;
        const head = { pk: `d-${puts}`, sk: "head", ...Object.fromEntries(all.map((value, at) => [`n${at}`, value])) };
        const bare = toStored({ ...head, content: new Uint8Array() });
        const content = new Uint8Array(kb * 1_024 + beyond - itemBytes(bare));
        const item = toStored({ ...head, content });
        expect(writeUnits(itemBytes(item))).toBe(beyond > 0 ? kb + 1 : kb);
        expect((await consumedBy(database.client, item, "TOTAL"))?.CapacityUnits).toBe(writeUnits(itemBytes(item)));
      }),
      { numRuns: 60 },
    );
  });
});

describe("infra/cost/measured.json", () => {
  it("the file is what today's fixtures measure: `npm run cost -- --write` updates it", async () => {
    const { rows, relayed } = await measureBodies(items, measured.fixtures.date);
    expect(rows.map(({ group, deliveries }) => [group, deliveries])).toEqual(
      measured.fixtures.rows.map(({ group, deliveries }) => [group, deliveries]),
    );
    // The compression of zlib differs between its versions by a few bytes.
    for (const [name, value] of Object.entries(relayed)) {
      const committed = new Map(Object.entries(measured.fixtures.relayed)).get(name) ?? 0;
      expect(Math.abs(value - committed), name).toBeLessThanOrEqual(0.05 * committed);
    }
  });
});

const leftOut = dynamoDbLocal?.missing;

describe.skipIf(leftOut !== undefined)(`on DynamoDB Local${leftOut ? `, left out: ${leftOut}` : ""}`, () => {
  let local: EmbeddedDynamoDb;
  beforeAll(async () => {
    if (!dynamoDbLocal) throw new Error("there is no DynamoDB Local");
    local = await dynamoDbLocal.start();
    await createTable(local.client, TABLE_NAME);
  });
  afterAll(() => local?.stop());

  it("the table costs the computed units for every fixture, and an index only if a person has to look at it", async () => {
    for (const { item } of items) {
      const { Table, GlobalSecondaryIndexes = {} } = (await consumedBy(local.client, item, "INDEXES")) ?? {};
      expect(Table?.CapacityUnits).toBe(writeUnits(itemBytes(item)));
      expect(Object.keys(GlobalSecondaryIndexes)).toEqual("attention" in item ? ["by-state"] : []);
    }
  });

  it("each kind of action makes the calls and costs the units of the cost model", async () => {
    expect(await measuredActions(local.client, TABLE_NAME)).toEqual(ACTION_COSTS);
  });
});
