import { spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { type AddressInfo, createServer } from "node:net";
import { dirname, join } from "node:path";
import { type DynamoDBClient, ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { createTable } from "../../shared/store/create-table.ts";
import { DynamoDbTable } from "../../shared/store/dynamodb-table.ts";
import { type EmbeddedDynamoDb, loopbackClient, startEmbeddedDynamoDb } from "../../shared/store/embedded.ts";

/** A DynamoDB that a suite can run on. */
export interface DynamoDbKind {
  readonly name: string;
  /** Why it cannot run here, if it cannot: goes into the name of what is left out. */
  readonly missing: string | undefined;
  start(): Promise<EmbeddedDynamoDb>;
}

export const dynamoDbKinds: readonly DynamoDbKind[] = [
  { name: "dynalite", missing: undefined, start: () => startEmbeddedDynamoDb({}) },
  {
    name: "DynamoDB Local",
    missing: spawnSync("java", ["-version"]).status === 0 ? undefined : "there is no Java on this machine",
    start: startDynamoDbLocal,
  },
];

/** A table of its own, for one test. */
export async function freshTable(client: DynamoDBClient) {
  const name = `drawbridge-${randomUUID()}`;
  await createTable(client, name);
  return { name, table: new DynamoDbTable(client, name) };
}

async function startDynamoDbLocal(): Promise<EmbeddedDynamoDb> {
  const simulator = createRequire(import.meta.url).resolve("amplify-dynamodb-simulator");
  const port = await freePort();
  const java = spawn(
    "java",
    ["-Djava.library.path=DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar", "-inMemory", "-port", String(port)],
    { cwd: join(dirname(simulator), "emulator"), stdio: "ignore" },
  );
  const client = loopbackClient(port);
  await untilAnswering(client);
  const stop = async (): Promise<void> => {
    client.destroy();
    const ended = new Promise((resolve) => java.once("exit", resolve));
    java.kill();
    await ended;
  };
  return { client, stop };
}

/** DynamoDB Local takes no port 0. The operating system hands free ports out in turn, so this one stays free a while. */
async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function untilAnswering(client: DynamoDBClient): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    try {
      await client.send(new ListTablesCommand({}));
      return;
    } catch {
      // Not up yet: Java takes a second or two.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error("DynamoDB Local did not start");
}
