import { randomBytes } from "node:crypto";
import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { Fault } from "../../host/fault.ts";
import { TABLE } from "../key-schema.ts";
import {
  type Fields,
  type Item,
  type ItemChange,
  type ItemKey,
  PAGE_ITEMS,
  type Selection,
  type Table,
} from "../table.ts";
import { queryOf, updateOf } from "./expressions.ts";
import { fromStored, type StoredItem, toStored } from "./item.ts";

/** The table in DynamoDB. */
export class DynamoDbTable implements Table {
  readonly #client: DynamoDBClient;
  readonly #table: string;

  constructor(client: DynamoDBClient, table: string) {
    this.#client = client;
    this.#table = table;
  }

  /**
   * The client repeats a request whose answer was lost. The item therefore contains the id of its request: a repeat that
   * finds its own id created the item itself.
   */
  async create(item: Fields & ItemKey): Promise<boolean> {
    const request = randomBytes(12).toString("base64url");
    const command = new PutItemCommand({
      TableName: this.#table,
      Item: toStored({ ...item, [TABLE.createdBy]: request }),
      ConditionExpression: "attribute_not_exists(#key)",
      ExpressionAttributeNames: { "#key": TABLE.partitionKey },
      ReturnValuesOnConditionCheckFailure: "ALL_OLD",
    });
    try {
      await this.#client.send(command);
      return true;
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw storeFault(error);
      return error.Item?.[TABLE.createdBy]?.S === request;
    }
  }

  async put(item: Fields & ItemKey): Promise<void> {
    const command = new PutItemCommand({ TableName: this.#table, Item: toStored(item) });
    await orFault(() => this.#client.send(command));
  }

  async change(key: ItemKey, change: ItemChange): Promise<Item | undefined> {
    const command = new UpdateItemCommand({
      TableName: this.#table,
      Key: toStored({ ...key }),
      ReturnValues: "ALL_OLD",
      ...updateOf(change),
    });
    try {
      return fromStored((await this.#client.send(command)).Attributes ?? {});
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return undefined;
      throw storeFault(error);
    }
  }

  async get(key: ItemKey): Promise<Item | undefined> {
    const command = new GetItemCommand({ TableName: this.#table, Key: toStored({ ...key }), ConsistentRead: true });
    const { Item: found } = await orFault(() => this.#client.send(command));
    return found === undefined ? undefined : fromStored(found);
  }

  async *select(selection: Selection): AsyncGenerator<Item> {
    if (isEmpty(selection)) return;
    const query = { TableName: this.#table, ...queryOf(selection) };
    let left = selection.limit ?? Number.POSITIVE_INFINITY;
    let start: StoredItem | undefined;
    do {
      const command = new QueryCommand({ ...query, Limit: Math.min(left, PAGE_ITEMS), ExclusiveStartKey: start });
      const page = await orFault(() => this.#client.send(command));
      for (const stored of page.Items ?? []) {
        yield fromStored(stored);
        left -= 1;
      }
      start = page.LastEvaluatedKey;
    } while (start !== undefined && left > 0);
  }
}

/** DynamoDB rejects a range whose ends are in the wrong order. It compares texts by their bytes. */
function isEmpty({ from, to }: Selection): boolean {
  if (typeof from === "string" && typeof to === "string") return Buffer.compare(Buffer.from(from), Buffer.from(to)) > 0;
  return typeof from === "number" && typeof to === "number" && from > to;
}

async function orFault<T>(send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    throw storeFault(error);
  }
}

export function storeFault(cause: unknown): Fault {
  const name = cause instanceof Error ? cause.name : "unknown";
  return new Fault("store_unavailable", `the table did not respond (${name})`, { retryable: true, cause });
}
