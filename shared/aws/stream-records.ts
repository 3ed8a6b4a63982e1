import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import type { DynamoDBBatchResponse, DynamoDBRecord, DynamoDBStreamEvent } from "aws-lambda";
import { Fault, kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";

type Keys = NonNullable<NonNullable<DynamoDBRecord["dynamodb"]>["Keys"]>;

export interface StreamDeps {
  /** The recorded event that an item is, if it is one. Throws when it cannot be read. */
  readonly read: (image: Record<string, AttributeValue>) => RecordedDelivery | undefined;
  /** Gives the ids of those that are still to be told again. */
  readonly relay: (deliveries: readonly RecordedDelivery[]) => Promise<readonly string[]>;
  /** The delivery's id in the key of its item. */
  readonly idIn: (keys: Keys) => string | undefined;
  /** Leaves a record that cannot be read to the sweep. */
  readonly leave: (id: string) => Promise<void>;
  readonly log: Log;
}

/**
 * Relays what a batch of the table's stream tells was recorded. Reported as failed are only deliveries that could be
 * neither published nor marked: Lambda goes back to the first of them and tells all that follow again, until its limit of
 * age sets them aside. A record that cannot be read is marked too, so that none waits for it.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
 */
export function streamHandler({ read, relay, idIn, leave, log }: StreamDeps) {
  return async ({ Records }: DynamoDBStreamEvent): Promise<DynamoDBBatchResponse> => {
    const told: (Place & { readonly delivery: RecordedDelivery })[] = [];
    const unreadable: Place[] = [];
    for (const record of Records) {
      const sequence = sequenceOf(record);
      const id = idIn(record.dynamodb?.Keys ?? {}) ?? "";
      try {
        const delivery = record.eventName === "INSERT" ? read(imageOf(record)) : undefined;
        if (delivery !== undefined) told.push({ sequence, id, delivery });
      } catch (error) {
        log.error({ sequence, delivery: id, error: kindOf(error) }, "a record of the stream cannot be read");
        unreadable.push({ sequence, id });
      }
    }
    const left = new Set(await relay(told.map(({ delivery }) => delivery)));
    const marks = await Promise.allSettled(unreadable.map(({ id }) => leave(id)));
    const failed = [
      ...told.filter(({ id }) => left.has(id)),
      ...unreadable.filter((_, at) => marks[at]?.status === "rejected"),
    ];
    for (const { sequence, id } of failed)
      log.error({ sequence, delivery: id }, "a delivery could be neither published nor marked for the sweep");
    return { batchItemFailures: failed.map(({ sequence }) => ({ itemIdentifier: sequence })) };
  };
}

interface Place {
  readonly sequence: string;
  /** Of the delivery. */
  readonly id: string;
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
