import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import type { DynamoDBBatchResponse, DynamoDBRecord, DynamoDBStreamEvent } from "aws-lambda";
import { Fault, kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import type { RecordedDelivery } from "../store/deliveries.ts";

export interface StreamTools {
  /** The recorded event that an item is, if it is one. Throws when it cannot be read. */
  readonly read: (image: Record<string, AttributeValue>) => RecordedDelivery | undefined;
  /** Gives the ids of those that are still to be told again. */
  readonly relay: (deliveries: readonly RecordedDelivery[]) => Promise<readonly string[]>;
  readonly log: Log;
}

/**
 * Relays what a batch of the table's stream tells was recorded. Reported as failed are only records that cannot be read
 * and deliveries that could be neither published nor marked: Lambda goes back to the first of them and tells all that
 * follow again, until its limits of attempts and age set them aside.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
 */
export function streamHandler({ read, relay, log }: StreamTools) {
  return async ({ Records }: DynamoDBStreamEvent): Promise<DynamoDBBatchResponse> => {
    const failed: string[] = [];
    const told: { readonly sequence: string; readonly delivery: RecordedDelivery }[] = [];
    for (const record of Records) {
      const sequence = sequenceOf(record);
      try {
        const delivery = record.eventName === "INSERT" ? read(imageOf(record)) : undefined;
        if (delivery !== undefined) told.push({ sequence, delivery });
      } catch (error) {
        log.error({ sequence, error: kindOf(error) }, "a record of the stream cannot be read");
        failed.push(sequence);
      }
    }
    const left = new Set(await relay(told.map(({ delivery }) => delivery)));
    for (const { sequence, delivery } of told) {
      if (!left.has(delivery.id)) continue;
      log.error({ sequence, delivery: delivery.id }, "a delivery could be neither published nor marked for the sweep");
      failed.push(sequence);
    }
    return { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) };
  };
}

/** Without one, Lambda takes the whole batch for failed. */
const sequenceOf = ({ dynamodb }: DynamoDBRecord): string => dynamodb?.SequenceNumber ?? "";

/** DynamoDB JSON as the event has it: bytes are base64. The table's items hold texts, numbers and bytes alone. */
function imageOf({ dynamodb }: DynamoDBRecord): Record<string, AttributeValue> {
  if (dynamodb?.NewImage === undefined) {
    throw new Fault("record_unreadable", "a record of the stream has no new image", { retryable: false });
  }
  const image: Record<string, AttributeValue> = {};
  for (const [name, { S, N, B }] of Object.entries(dynamodb.NewImage)) {
    if (S !== undefined) image[name] = { S };
    if (N !== undefined) image[name] = { N };
    if (B !== undefined) image[name] = { B: Buffer.from(B, "base64") };
  }
  return image;
}
