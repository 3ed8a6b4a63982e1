import { randomUUID } from "node:crypto";
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { inject } from "vitest";
import { createTable } from "../../shared/store/dynamodb/create-table.ts";
import { type EmbeddedDynamoDb, startEmbeddedDynamoDb } from "../../shared/store/dynamodb/embedded.ts";
import { DynamoDbTable } from "../../shared/store/dynamodb/table.ts";
import { dynamoDbLocalClient } from "./dynamodb-local.ts";
import { sharedService } from "./shared-services.ts";

/** A DynamoDB that a suite can run on. */
export interface DynamoDbKind {
  readonly name: string;
  /** The reason why it cannot run here, for the name of the skipped suite; undefined if it can. */
  readonly missing: string | undefined;
  /** An empty database of its own. */
  start(): Promise<EmbeddedDynamoDb>;
}

export const dynamoDbKinds: readonly DynamoDbKind[] = [
  { name: "dynalite", missing: undefined, start: () => startEmbeddedDynamoDb({}) },
  { name: "DynamoDB Local", missing: inject("noDynamoDbLocal") || undefined, start: openDynamoDbLocal },
];

/** A table of its own, for one test. */
export async function freshTable(client: DynamoDBClient) {
  const name = `drawbridge-${randomUUID()}`;
  await createTable(client, name);
  return { name, table: new DynamoDbTable(client, name) };
}

/** All test files of a run share one process; each has its own database in it. */
async function openDynamoDbLocal(): Promise<EmbeddedDynamoDb> {
  const { port } = await sharedService("dynamodb-local");
  const client = dynamoDbLocalClient(port);
  return { client, stop: async () => client.destroy() };
}
