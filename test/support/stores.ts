import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";
import type { EpochMillis } from "../../shared/host/clock.ts";
import { DynamoDbTable } from "../../shared/store/dynamodb/table.ts";
import { type OpenTable, openTable } from "../../shared/store/sqlite/open.ts";
import type { Table } from "../../shared/store/table.ts";
import { createTable } from "./create-table.ts";
import { dynamoDbLocalClient } from "./dynamodb-local.ts";
import { deleteExpired, type EmbeddedDynamoDb, startEmbeddedDynamoDb } from "./embedded-dynamodb.ts";
import { sharedService } from "./shared-services.ts";
import { silentLog } from "./test-doubles.ts";

/** A database that a suite can run on. */
interface Kind<T> {
  readonly name: string;
  /** The reason why it cannot run here, for the name of the skipped suite; undefined if it can. */
  readonly missing: string | undefined;
  /** An empty database of its own. */
  start(): Promise<T>;
}

export type DynamoDbKind = Kind<EmbeddedDynamoDb>;

export const dynamoDbKinds: readonly DynamoDbKind[] = [
  { name: "dynalite", missing: undefined, start: () => startEmbeddedDynamoDb({}) },
  { name: "DynamoDB Local", missing: inject("noDynamoDbLocal") || undefined, start: openDynamoDbLocal },
];

export interface TestTable {
  readonly table: Table;
  /** Deletes the items that have expired at `now`, as the database does some time later, and returns their number. */
  deleteExpired(now: EpochMillis): Promise<number>;
}

export interface TestDatabase {
  /** A table of its own, for one test. */
  freshTable(): Promise<TestTable>;
  stop(): Promise<void>;
}

export type TableKind = Kind<TestDatabase>;

/** Every database that can hold the table. */
export const tableKinds: readonly TableKind[] = [
  { name: "SQLite", missing: undefined, start: openSqliteFolders },
  ...dynamoDbKinds.map((kind) => ({ ...kind, start: async () => tablesOf(await kind.start()) })),
];

function tablesOf({ client, stop }: EmbeddedDynamoDb): TestDatabase {
  const freshTable = async (): Promise<TestTable> => {
    const name = `drawbridge-${randomUUID()}`;
    await createTable(client, name);
    return { table: new DynamoDbTable(client, name), deleteExpired: (now) => deleteExpired(client, name, now) };
  };
  return { freshTable, stop };
}

async function openSqliteFolders(): Promise<TestDatabase> {
  const folder = await mkdtemp(join(tmpdir(), "drawbridge-tables-"));
  const tables: OpenTable[] = [];
  const freshTable = async (): Promise<TestTable> => {
    const opened = openTable(join(folder, String(tables.length)), silentLog);
    tables.push(opened);
    return { table: opened.table, deleteExpired: (now) => opened.table.deleteExpired(now, 1_000) };
  };
  const stop = async (): Promise<void> => {
    for (const opened of tables) opened.close();
    await rm(folder, { recursive: true });
  };
  return { freshTable, stop };
}

/** All test files of a run share one process; each has its own database in it. */
async function openDynamoDbLocal(): Promise<EmbeddedDynamoDb> {
  const { port } = await sharedService("dynamodb-local");
  const client = dynamoDbLocalClient(port);
  return { client, stop: async () => client.destroy() };
}
