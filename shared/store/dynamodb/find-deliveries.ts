import { type DynamoDBClient, ScanCommand } from "@aws-sdk/client-dynamodb";
import type { EpochMillis } from "../../host/clock.ts";
import { padTime } from "../fields.ts";
import { TABLE } from "../key-schema.ts";
import type { StoredItem } from "./item.ts";
import { storeFault } from "./table.ts";

interface Search {
  readonly from: EpochMillis;
  readonly to: EpochMillis;
  /** The `next` of the part before. */
  readonly after?: string;
}

/**
 * Searches one part of the table, about a megabyte, for the deliveries that were received in a span of time. A search of the
 * whole table reads each item, so it is for failures only. Throws `store_unavailable`.
 */
export async function findDeliveries(
  client: DynamoDBClient,
  table: string,
  { from, to, after }: Search,
): Promise<{ readonly ids: readonly string[]; readonly next: string | undefined }> {
  const command = new ScanCommand({
    TableName: table,
    // Earlier releases stored the time in `seen`, before the id.
    FilterExpression:
      "sk = :head AND attribute_exists(outcome) AND (receivedAt BETWEEN :from AND :to OR seen BETWEEN :seenFrom AND :seenTo)",
    ExpressionAttributeValues: {
      ":head": { S: "head" },
      ":from": { N: String(from) },
      ":to": { N: String(to) },
      ":seenFrom": { S: padTime(from) },
      ":seenTo": { S: `${padTime(to)}~` },
    },
    ProjectionExpression: TABLE.partitionKey,
    // Written by the part before.
    ...(after !== undefined && { ExclusiveStartKey: JSON.parse(after) as StoredItem }),
  });
  try {
    const { Items = [], LastEvaluatedKey } = await client.send(command);
    return { ids: Items.flatMap(({ pk }) => pk?.S ?? []), next: LastEvaluatedKey && JSON.stringify(LastEvaluatedKey) };
  } catch (error) {
    throw storeFault(error);
  }
}
