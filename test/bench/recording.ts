import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { receive } from "../../shared/delivery/receive.ts";
import { DeliveryStore } from "../../shared/store/deliveries.ts";
import { DynamoDbTable } from "../../shared/store/dynamodb/table.ts";
import { TABLE } from "../../shared/store/key-schema.ts";
import { createTable } from "../support/create-table.ts";
import { dynamoDbLocalClient, startDynamoDbLocal, whyNoDynamoDbLocal } from "../support/dynamodb-local.ts";
import { type EmbeddedDynamoDb, loopbackClient } from "../support/embedded-dynamodb.ts";
import { noProvedRuns, secretsOf, silentLog } from "../support/test-doubles.ts";
import { startChild } from "./child.ts";
import { compare } from "./compare.ts";
import { gitlabSource, signedRequest } from "./gitlab-source.ts";
import type { Measure } from "./measure.ts";
import { pushBody } from "./push-hook.ts";
import { type Row, rateRow } from "./table.ts";

/**
 * `receive` with its record against a bare conditional put of the same body, on the same table through the same client.
 * The database is in its own process. The item of the bare put is in no index, so the baseline has less work.
 */
export const recording: Measure = async ({ quick }) => {
  const rows: Row[] = [];
  for (const { name, missing, start } of KINDS) {
    if (missing() !== undefined) {
      rows.push({ what: `recording on ${name}: left out, ${missing()}`, ours: "", baseline: "" });
      continue;
    }
    const database = await start();
    try {
      rows.push(...(await onOneDatabase(name, database.client, { pairs: quick ? 3 : 9, count: quick ? 200 : 1_000 })));
    } finally {
      await database.stop();
    }
  }
  return rows;
};

async function onOneDatabase(
  name: string,
  client: DynamoDBClient,
  { pairs, count }: { readonly pairs: number; readonly count: number },
): Promise<readonly Row[]> {
  await createTable(client, TABLE_NAME);
  const body = pushBody();
  const rows: Row[] = [];
  for (const markUnrelayed of [false, true]) {
    const variant = markUnrelayed ? "marked (one machine)" : "unmarked (AWS)";
    const { stored } = await compare({
      what: `recording on ${name}, ${variant}`,
      pairs,
      ours: () => receiveAll(client, { markUnrelayed, body, count }),
      baseline: () => putAll(client, { body, count }),
    });
    rows.push(rateRow(`receive + record, ${name}, ${variant} : bare put`, stored, 0.5));
  }
  return rows;
}

interface Batch {
  readonly body: Buffer;
  readonly count: number;
}

async function receiveAll(client: DynamoDBClient, { body, count, markUnrelayed }: Batch & { markUnrelayed: boolean }) {
  const table = new DynamoDbTable(client, TABLE_NAME);
  const deliveries = new DeliveryStore(table, { retentionDays: 90, markUnrelayed });
  const source = gitlabSource();
  // This is the sender's work, so it is done before the measurement.
  const requests = Array.from({ length: count }, () => signedRequest(body, randomUUID()));
  const deps = {
    deliveries,
    rejectOverRate: async () => undefined,
    runReporters: [],
    origins: noProvedRuns,
    secrets: secretsOf({}),
    recorded: () => undefined,
    log: silentLog,
  };
  return rateOf(requests, async (request) => {
    const receipt = await receive(request, source, deps);
    if (!receipt.ok || receipt.value.status !== "accepted") throw new Error("a delivery was not accepted");
  });
}

async function putAll(client: DynamoDBClient, { body, count }: Batch) {
  const ids = Array.from({ length: count }, () => randomUUID());
  return rateOf(ids, (id) =>
    client.send(
      new PutItemCommand({
        TableName: TABLE_NAME,
        Item: { [TABLE.partitionKey]: { S: id }, [TABLE.sortKey]: { S: "head" }, body: { B: body } },
        ConditionExpression: "attribute_not_exists(#key)",
        ExpressionAttributeNames: { "#key": TABLE.partitionKey },
      }),
    ),
  );
}

/** The number of items a second, with {@link IN_FLIGHT} at any time. */
async function rateOf<T>(items: readonly T[], work: (item: T) => Promise<unknown>) {
  const left = items.values();
  const started = performance.now();
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      for (const item of left) await work(item);
    }),
  );
  return { stored: (items.length * 1_000) / (performance.now() - started) };
}

async function startDynalite(): Promise<EmbeddedDynamoDb> {
  const path = await mkdtemp(join(tmpdir(), "drawbridge-bench-"));
  const server = await startChild("./dynalite-server.ts", [path]);
  const client = loopbackClient(Number(server.url.port));
  const stop = async (): Promise<void> => {
    client.destroy();
    await server.stop();
    await rm(path, { recursive: true });
  };
  return { client, stop };
}

async function startLocal(): Promise<EmbeddedDynamoDb> {
  const { port, stop } = await startDynamoDbLocal();
  const client = dynamoDbLocalClient(port);
  return {
    client,
    stop: async () => {
      client.destroy();
      await stop();
    },
  };
}

const KINDS = [
  { name: "dynalite", missing: () => undefined, start: startDynalite },
  { name: "DynamoDB Local", missing: whyNoDynamoDbLocal, start: startLocal },
] as const;

const TABLE_NAME = "drawbridge";
const IN_FLIGHT = 16;
