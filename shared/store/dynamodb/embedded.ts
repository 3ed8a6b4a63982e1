import type { AddressInfo } from "node:net";
import { DeleteItemCommand, DynamoDBClient, paginateScan } from "@aws-sdk/client-dynamodb";
import { AbstractKeyIterator, AbstractValueIterator } from "abstract-level";
import { ClassicLevel } from "classic-level";
import dynalite from "dynalite";
import { type EpochMillis, toSeconds } from "../../host/clock.ts";
import { Fault } from "../../host/fault.ts";
import { createTable } from "./create-table.ts";
import { TABLE } from "./key-schema.ts";

export interface EmbeddedDynamoDb {
  readonly client: DynamoDBClient;
  stop(): Promise<void>;
}

export interface EmbeddedOptions {
  /** Folder of the LevelDB files; in memory when absent. */
  readonly path?: string;
  /** Created if it is not there. */
  readonly table?: string;
}

/**
 * DynamoDB inside this process, spoken to over loopback as the real one is. With `path` it keeps its files there and
 * survives a kill of the process at any instant (LevelDB's log); one process at a time may have them open. Throws
 * `configuration_invalid` when the folder is in use or cannot be used.
 */
export async function startEmbeddedDynamoDb({ path, table }: EmbeddedOptions): Promise<EmbeddedDynamoDb> {
  letReadsEnd();
  if (path !== undefined) await tryFolder(path);
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

/** dynalite opens its files with the first request, and ends the process when it cannot: so they are tried before. */
async function tryFolder(path: string): Promise<void> {
  const files = new ClassicLevel(path);
  try {
    await files.open();
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const isLocked = cause instanceof Error && "code" in cause && cause.code === "LEVEL_LOCKED";
    const why = isLocked ? "is in use by another bridge: end that one, or" : "cannot be used for the data:";
    throw new Fault("configuration_invalid", `${path} ${why} give another folder with --data`, {
      retryable: false,
      cause,
    });
  } finally {
    await files.close();
  }
}

/**
 * dynalite 4.0 ends each read with the iterator's `return()` and leaves it open where there is none, as with the iterators
 * of the database it uses: each would hold on to files and memory for good.
 */
function letReadsEnd(): void {
  for (const { prototype } of [AbstractKeyIterator, AbstractValueIterator]) {
    Object.defineProperty(prototype, "return", { value: close, configurable: true });
  }
}

function close(this: { close(): Promise<void> }): Promise<void> {
  return this.close();
}

/** A client for a DynamoDB on this machine, which takes any credentials. */
export function loopbackClient(port: number): DynamoDBClient {
  return new DynamoDBClient({
    endpoint: `http://127.0.0.1:${port}`,
    region: "local",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
    maxAttempts: 2,
    // Milliseconds. A store that hangs must not hold a sender until its own patience ends.
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 3_000, throwOnRequestTimeout: true },
  });
}

/**
 * Deletes what has expired at `now`, and gives the number. DynamoDB does this by itself; dynalite has no time to live, so
 * one machine does it for it.
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
