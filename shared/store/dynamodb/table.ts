import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { Fault } from "../../host/fault.ts";
import { fromStored, type Item, type StoredItem, toStored } from "./item.ts";
import { TABLE } from "./key-schema.ts";

type Value = string | number | Uint8Array;

export interface ItemKey {
  readonly pk: string;
  readonly sk: string;
}

interface Expression {
  /** DynamoDB expression with placeholders `#name` and `:value`, which `names` and `values` bind. */
  readonly text: string;
  readonly names: Readonly<Record<`#${string}`, string>>;
  readonly values?: Readonly<Record<`:${string}`, Value>>;
}

interface ItemChange extends Expression {
  readonly condition: string;
}

export interface Selection extends Expression {
  readonly index?: string;
  readonly newestFirst?: boolean;
  readonly consistent?: boolean;
  readonly limit?: number;
}

/**
 * The DynamoDB calls that the stores use, in plain values. A failed condition is a return value; every other failure is
 * thrown as `store_unavailable`.
 */
export class DynamoDbTable {
  readonly #client: DynamoDBClient;
  readonly #table: string;

  constructor(client: DynamoDBClient, table: string) {
    this.#client = client;
    this.#table = table;
  }

  /** Writes an item if its key is free. False if an item with the key exists. */
  create(item: Readonly<Record<string, Value | undefined>> & ItemKey): Promise<boolean> {
    const command = new PutItemCommand({
      TableName: this.#table,
      Item: toStored(item),
      ConditionExpression: "attribute_not_exists(#key)",
      ExpressionAttributeNames: { "#key": TABLE.partitionKey },
    });
    return conditional(() => this.#client.send(command));
  }

  /** Writes an item and replaces any item with the same key. */
  async put(item: Readonly<Record<string, Value | undefined>> & ItemKey): Promise<void> {
    const command = new PutItemCommand({ TableName: this.#table, Item: toStored(item) });
    await orFault(() => this.#client.send(command));
  }

  /**
   * Changes one item if the condition is true. Returns the item before the change; undefined if the condition failed.
   */
  async change(key: ItemKey, change: ItemChange): Promise<Item | undefined> {
    const command = new UpdateItemCommand({
      TableName: this.#table,
      Key: toStored({ ...key }),
      UpdateExpression: change.text,
      ConditionExpression: change.condition,
      ExpressionAttributeNames: change.names,
      ExpressionAttributeValues: change.values === undefined ? undefined : toStored(change.values),
      ReturnValues: "ALL_OLD",
    });
    let before: StoredItem | undefined;
    const isChanged = await conditional(async () => {
      before = (await this.#client.send(command)).Attributes;
    });
    return isChanged ? fromStored(before ?? {}) : undefined;
  }

  /** Strongly consistent. */
  async get(key: ItemKey): Promise<Item | undefined> {
    const command = new GetItemCommand({ TableName: this.#table, Key: toStored({ ...key }), ConsistentRead: true });
    const { Item: found } = await orFault(() => this.#client.send(command));
    return found === undefined ? undefined : fromStored(found);
  }

  /** Yields the selected items, page by page, until the reader stops or `limit` items were yielded. */
  async *select(selection: Selection): AsyncGenerator<Item> {
    let left = selection.limit ?? Number.POSITIVE_INFINITY;
    let start: StoredItem | undefined;
    do {
      const command = new QueryCommand({
        TableName: this.#table,
        IndexName: selection.index,
        KeyConditionExpression: selection.text,
        ExpressionAttributeNames: selection.names,
        ExpressionAttributeValues: selection.values === undefined ? undefined : toStored(selection.values),
        ScanIndexForward: !selection.newestFirst,
        ConsistentRead: selection.consistent,
        Limit: Math.min(left, PAGE_ITEMS),
        ExclusiveStartKey: start,
      });
      const page = await orFault(() => this.#client.send(command));
      for (const stored of page.Items ?? []) {
        yield fromStored(stored);
        left -= 1;
      }
      start = page.LastEvaluatedKey;
    } while (start !== undefined && left > 0);
  }
}

/** Maximum items of one page of a query. */
const PAGE_ITEMS = 100;

async function conditional(send: () => Promise<unknown>): Promise<boolean> {
  try {
    await send();
    return true;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false;
    throw storeFault(error);
  }
}

async function orFault<T>(send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    throw storeFault(error);
  }
}

function storeFault(cause: unknown): Fault {
  const name = cause instanceof Error ? cause.name : "unknown";
  return new Fault("store_unavailable", `the table did not respond (${name})`, { retryable: true, cause });
}
