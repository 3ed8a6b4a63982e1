import {
  CreateTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  ResourceInUseException,
} from "@aws-sdk/client-dynamodb";
import { TABLE } from "../../shared/store/key-schema.ts";

/** Creates the table on one machine and in tests, where no infrastructure creates it. No change if it exists. */
export async function createTable(client: DynamoDBClient, name: string): Promise<void> {
  const { partitionKey, sortKey, dueIndex, stateIndex } = TABLE;
  try {
    await client.send(
      new CreateTableCommand({
        TableName: name,
        BillingMode: "PAY_PER_REQUEST",
        AttributeDefinitions: [
          ...[partitionKey, sortKey, dueIndex.partitionKey, stateIndex.partitionKey, stateIndex.sortKey].map(
            (AttributeName) => ({ AttributeName, AttributeType: "S" as const }),
          ),
          { AttributeName: dueIndex.sortKey, AttributeType: "N" },
        ],
        KeySchema: keys(partitionKey, sortKey),
        GlobalSecondaryIndexes: [
          {
            IndexName: dueIndex.name,
            KeySchema: keys(dueIndex.partitionKey, dueIndex.sortKey),
            Projection: { ProjectionType: "KEYS_ONLY" },
          },
          {
            IndexName: stateIndex.name,
            KeySchema: keys(stateIndex.partitionKey, stateIndex.sortKey),
            Projection: { ProjectionType: "INCLUDE", NonKeyAttributes: [...stateIndex.projected] },
          },
        ],
      }),
    );
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error;
  }
  await untilActive(client, name);
}

/** A table rejects calls while it is being created; locally that takes milliseconds. */
async function untilActive(client: DynamoDBClient, name: string): Promise<void> {
  for (;;) {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: name }));
    if (Table?.TableStatus === "ACTIVE") return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const keys = (partitionKey: string, sortKey: string) => [
  { AttributeName: partitionKey, KeyType: "HASH" as const },
  { AttributeName: sortKey, KeyType: "RANGE" as const },
];
