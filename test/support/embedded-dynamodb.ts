import type { AddressInfo } from "node:net";
import { DeleteItemCommand, DynamoDBClient, paginateScan } from "@aws-sdk/client-dynamodb";
import { AbstractKeyIterator, AbstractValueIterator } from "abstract-level";
import { ClassicLevel } from "classic-level";
import dynalite from "dynalite";
import { type EpochMillis, toSeconds } from "../../shared/host/clock.ts";
import { Fault } from "../../shared/host/fault.ts";
import { TABLE } from "../../shared/store/key-schema.ts";
import { createTable } from "./create-table.ts";

export interface EmbeddedDynamoDb {
  readonly client: DynamoDBClient;
  stop(): Promise<void>;
}

export interface EmbeddedOptions {
  /** Folder of the LevelDB files; in memory if undefined. */
  readonly path?: string;
  /** Name of the table; created if it does not exist. */
  readonly table?: string;
}

/**
 * Starts a DynamoDB inside this process, reached over loopback by the client of the real one. With `path` it stores its
 * files there and survives a kill of the process at any instant (LevelDB's log); one process at a time may open them.
 * Throws `configuration_invalid` if the folder is in use or cannot be used.
 */
export async function startEmbeddedDynamoDb({ path, table }: EmbeddedOptions): Promise<EmbeddedDynamoDb> {
  closeIteratorsOnReturn();
  if (path !== undefined) await checkFolder(path);
  const server = dynalite({ ...(path !== undefined && { path }), createTableMs: 0 });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  // A server that listens on a port has an AddressInfo.
  const client = loopbackClient((server.address() as AddressInfo).port);
  if (table !== undefined) await createTable(client, table);
  const stop = async (): Promise<void> => {
    client.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return { client, stop };
}

/** dynalite opens its files with the first request and ends the process if that fails, so they are checked before. */
async function checkFolder(path: string): Promise<void> {
  const files = new ClassicLevel(path);
  try {
    await files.open();
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const isLocked = cause instanceof Error && "code" in cause && cause.code === "LEVEL_LOCKED";
    const why = isLocked ? "is in use by another bridge: stop that one, or" : "cannot be used for the data:";
    throw new Fault("configuration_invalid", `${path} ${why} give another folder with --data`, {
      retryable: false,
      cause,
    });
  } finally {
    await files.close();
  }
}

/**
 * Adds `return()` to the iterators of the database. dynalite 4.0 ends each read with the iterator's `return()`, which
 * these iterators lack; each would stay open and keep its files and memory.
 */
function closeIteratorsOnReturn(): void {
  for (const { prototype } of [AbstractKeyIterator, AbstractValueIterator]) {
    Object.defineProperty(prototype, "return", { value: close, configurable: true });
  }
}

function close(this: { close(): Promise<void> }): Promise<void> {
  return this.close();
}

/** Creates a client for a DynamoDB on this machine, which accepts any credentials. */
export function loopbackClient(port: number): DynamoDBClient {
  return new DynamoDBClient({
    endpoint: `http://127.0.0.1:${port}`,
    region: "local",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
    maxAttempts: 2,
    // Milliseconds. A store that hangs must fail before the timeout of the sender.
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 3_000, throwOnRequestTimeout: true },
  });
}

/**
 * Deletes the items that have expired at `now`, and returns their number. DynamoDB does this itself; dynalite has no
 * time to live, so the bridge on one machine calls this.
 */
export async function deleteExpired(client: DynamoDBClient, table: string, now: EpochMillis): Promise<number> {
  const { partitionKey, sortKey, timeToLive } = TABLE;
  const scan = {
    TableName: table,
    ProjectionExpression: "#pk, #sk",
    FilterExpression: "#expires < :now",
    ExpressionAttributeNames: { "#pk": partitionKey, "#sk": sortKey, "#expires": timeToLive },
    ExpressionAttributeValues: { ":now": { N: String(toSeconds(now)) } },
  };
  let deleted = 0;
  for await (const { Items: expired = [] } of paginateScan({ client }, scan)) {
    for (const key of expired) await client.send(new DeleteItemCommand({ TableName: table, Key: key }));
    deleted += expired.length;
  }
  return deleted;
}
