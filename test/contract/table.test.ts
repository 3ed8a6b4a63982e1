import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DynamoDbTable } from "../../shared/store/dynamodb/table.ts";
import { TABLE } from "../../shared/store/key-schema.ts";
import { openMemoryTable } from "../../shared/store/sqlite/open.ts";
import type { Condition, Item, ItemChange, ItemKey, Selection, Table } from "../../shared/store/table.ts";
import { createTable } from "../support/create-table.ts";
import { type DynamoDbKind, dynamoDbKinds, type TestDatabase, tableKinds } from "../support/stores.ts";

/** Few different values, so that operations meet, with texts whose order or bytes are easy to get wrong. */
const texts = fc.constantFrom("a", "b", "ab", "A", "", "é", "z\u{1f600}", "\uffff", "a\0b", "a\0c", "a\x01");
const keyTexts = texts.filter((text) => text !== "");
/** The keys of the index of states are ids and times. */
const stateTexts = keyTexts.filter((text) => !text.includes("\0") && !text.includes("\x01"));
const numbers = fc.constantFrom(0, 1, 2, 10, 1_793_610_000_000, -3);
const keys: fc.Arbitrary<ItemKey> = fc.record({ pk: fc.constantFrom("p", "q", "a\0b", "a\0c"), sk: keyTexts });
const values = fc.oneof(texts, numbers);
const fieldNames = fc.constantFrom("one", "two", "dueAt");

const fields = fc.record(
  {
    one: values,
    two: numbers,
    content: fc.uint8Array({ minLength: 1, maxLength: 4 }),
    seen: keyTexts,
    queue: fc.constantFrom("relay", "act#ci"),
    dueAt: numbers,
    attention: fc.constantFrom("given_up#1", "cut#1"),
    attentionAt: stateTexts,
  },
  { requiredKeys: [] },
);

const { condition: conditions } = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { depthSize: "small" },
    fc.record({ field: fieldNames, is: fc.constantFrom("absent" as const, "present" as const) }),
    fc.record({
      field: fieldNames,
      is: fc.constantFrom("=" as const, "<>" as const, "<" as const, "<=" as const, ">" as const),
      value: values,
    }),
    fc.record({
      field: fc.constant("one"),
      is: fc.constant("in" as const),
      values: fc.uniqueArray(texts, { minLength: 1, maxLength: 3 }),
    }),
    fc.record({ all: fc.array(tie("condition"), { minLength: 1, maxLength: 2 }) }),
    fc.record({ any: fc.array(tie("condition"), { minLength: 1, maxLength: 2 }) }),
  ),
}));

/** An addition to a text is an error everywhere, so only `two` is added to. A change sets something. */
const changes: fc.Arbitrary<ItemChange> = fc
  .record({
    condition: conditions,
    set: fc.record(
      {
        one: values,
        dueAt: numbers,
        queue: fc.constantFrom("relay", "act#ci"),
        attention: fc.constantFrom("given_up#1", "cut#1"),
        attentionAt: stateTexts,
      },
      { requiredKeys: ["one"] },
    ),
    add: fc.record({ two: numbers }, { requiredKeys: [] }),
    remove: fc.uniqueArray(fc.constantFrom("seen", "content", "attention", "attentionAt"), { maxLength: 3 }),
  })
  // A change of a field that is also removed is an error.
  .map(({ remove, ...change }) => ({ ...change, remove: remove.filter((field) => !(field in change.set)) }));

const range = <T extends string | number>(bound: fc.Arbitrary<T>) =>
  fc.tuple(fc.option(bound, { nil: undefined }), fc.option(bound, { nil: undefined }));

const selections: fc.Arbitrary<Selection> = fc
  .oneof(
    fc.record({ partition: fc.constantFrom("p", "q"), ends: range(keyTexts) }),
    fc.record({
      index: fc.constant(TABLE.dueIndex.name),
      partition: fc.constantFrom("relay", "act#ci"),
      ends: range(numbers),
    }),
    fc.record({
      index: fc.constant(TABLE.stateIndex.name),
      partition: fc.constantFrom("given_up#1", "cut#1"),
      ends: range(stateTexts),
    }),
  )
  .chain(({ ends: [from, to], ...rest }) =>
    fc.boolean().map(
      (newestFirst): Selection => ({
        ...rest,
        newestFirst,
        ...(from !== undefined && { from }),
        ...(to !== undefined && { to }),
      }),
    ),
  );

type Operation = (table: Table) => Promise<unknown>;
const operations: fc.Arbitrary<Operation> = fc.oneof(
  fc.tuple(keys, fields).map(
    ([key, given]) =>
      (table: Table) =>
        table.create({ ...given, ...key }),
  ),
  fc.tuple(keys, fields).map(
    ([key, given]) =>
      (table: Table) =>
        table.put({ ...given, ...key }),
  ),
  fc.tuple(keys, changes).map(
    ([key, change]) =>
      async (table: Table) =>
        shown(await table.change(key, change)),
  ),
  keys.map((key) => async (table: Table) => shown(await table.get(key))),
  selections.map((selection) => (table: Table) => selected(table, selection)),
);

const shown = (item: Item | undefined) => {
  if (item === undefined) return undefined;
  // DynamoDB alone has the id of the request.
  const { [TABLE.createdBy]: _, content, ...rest } = item;
  return { ...rest, ...(content instanceof Uint8Array && { content: Buffer.from(content).toString("hex") }) };
};

const SORT_KEYS = {
  table: "sk",
  [TABLE.dueIndex.name]: "dueAt",
  [TABLE.stateIndex.name]: "attentionAt",
};

/** The keys of the selected items. Items with one sort key have no order, so they are sorted. */
async function selected(table: Table, selection: Selection) {
  const sortKey = SORT_KEYS[selection.index ?? "table"];
  const found: string[] = [];
  for await (const item of table.select(selection)) {
    found.push(JSON.stringify([item[sortKey], item["pk"], item["sk"]]));
  }
  return sortKey === "sk" ? found : [found.map((one) => JSON.parse(one)[0]), found.toSorted()];
}

const HISTORIES = 25;

describe("random operations", () => {
  for (const kind of tableKinds.filter(({ name }) => name !== "SQLite")) {
    const title = kind.missing === undefined ? kind.name : `${kind.name}: left out, ${kind.missing}`;
    it.skipIf(kind.missing !== undefined)(
      `SQLite answers every operation as ${title} does`,
      async () => {
        const database = await kind.start();
        try {
          await fc.assert(
            fc.asyncProperty(fc.array(operations, { minLength: 5, maxLength: 25 }), async (history) => {
              const sqlite = openMemoryTable();
              const { table } = await database.freshTable();
              for (const operation of history) expect(await operation(sqlite.table)).toEqual(await operation(table));
              sqlite.close();
            }),
            { numRuns: HISTORIES },
          );
        } finally {
          await database.stop();
        }
      },
      120_000,
    );
  }
});

for (const kind of tableKinds) {
  const title = kind.missing === undefined ? kind.name : `${kind.name}: left out, ${kind.missing}`;
  describe.skipIf(kind.missing !== undefined)(`the table on ${title}`, () => {
    let database: TestDatabase;
    beforeAll(async () => {
      database = await kind.start();
    }, 60_000);
    afterAll(() => database?.stop());

    it("a selection yields every item once over pages of equal sort keys, in both directions", async () => {
      const { table } = await database.freshTable();
      for (let n = 0; n < 250; n++) {
        await table.create({ pk: `p-${n}`, sk: "head", queue: "relay", dueAt: n % 3 });
      }
      for (const newestFirst of [false, true]) {
        const seen: (string | number | Uint8Array | undefined)[] = [];
        for await (const item of table.select({ index: TABLE.dueIndex.name, partition: "relay", newestFirst })) {
          seen.push(item["pk"]);
        }
        expect(seen).toHaveLength(250);
        expect(new Set(seen).size).toBe(250);
      }
    });

    it("a range whose end is before its beginning has no items", async () => {
      const { table } = await database.freshTable();
      await table.create({ pk: "p", sk: "b", queue: "relay", dueAt: 5 });
      const { name } = TABLE.dueIndex;
      expect(await selected(table, { partition: "p", from: "c", to: "a" })).toEqual([]);
      expect(await selected(table, { index: name, partition: "relay", from: 9, to: 1 })).toEqual([[], []]);
    });

    it("a reader that stops early reads no further, and the limit is exact", async () => {
      const { table } = await database.freshTable();
      for (let n = 0; n < 5; n++) await table.create({ pk: "p", sk: `row#${n}` });
      const seen: unknown[] = [];
      for await (const item of table.select({ partition: "p", limit: 2 })) seen.push(item["sk"]);
      expect(seen).toEqual(["row#0", "row#1"]);
    });
  });
}

// dynalite does not return the item that made a condition fail.
const local = dynamoDbKinds.find(({ name }) => name === "DynamoDB Local");

it.skipIf(local?.missing !== undefined)(
  `on DynamoDB Local${local?.missing ? `: left out, ${local.missing}` : ""}, a create whose answer was lost and that the client repeats is no duplicate`,
  async () => {
    const { client, stop } = await (local as DynamoDbKind).start();
    try {
      await createTable(client, "repeats");
      const table = new DynamoDbTable(client, "repeats");
      let lost = 1;
      client.middlewareStack.add(
        (next) => async (call) => {
          const answer = await next(call);
          if (lost-- > 0)
            throw Object.assign(new Error("the connection was reset"), { code: "ECONNRESET", name: "TimeoutError" });
          return answer;
        },
        { step: "deserialize", priority: "low" },
      );
      expect(await table.create({ pk: "p", sk: "head", one: 1 })).toBe(true);
      expect(lost).toBeLessThan(0);
      expect(await table.create({ pk: "p", sk: "head", one: 2 })).toBe(false);
    } finally {
      await stop();
    }
  },
  60_000,
);
