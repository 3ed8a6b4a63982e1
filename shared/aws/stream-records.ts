import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import type { DynamoDBBatchResponse, DynamoDBRecord, DynamoDBStreamEvent } from "aws-lambda";
import { Fault, kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";

type Image = Record<string, AttributeValue>;
type Keys = NonNullable<NonNullable<DynamoDBRecord["dynamodb"]>["Keys"]>;

export interface StreamDeps {
  /** The delivery in an item. Undefined if the item is another kind of record. Throws if it cannot be read. */
  readonly read: (image: Image) => RecordedDelivery | undefined;
  /** Publishes and lists the deliveries. Returns the ids of those that stay in the stream. */
  readonly relay: (deliveries: readonly RecordedDelivery[]) => Promise<readonly string[]>;
  /** The delivery's id in the key of its item. Undefined if the item is not a delivery. */
  readonly idIn: (keys: Keys) => string | undefined;
  /** Marks a delivery whose record cannot be read, so that the sweep finds it, and lists it if its item allows that. */
  readonly markForSweep: (id: string, image: Image | undefined) => Promise<void>;
  readonly log: Log;
}

/**
 * Relays the deliveries that a batch of the table's stream reports as recorded. Only a delivery that stays in the stream,
 * because it could be neither relayed nor marked or the bus takes nothing, is reported as failed: Lambda retries
 * from the first such record, with all that follow it, until they reach its age limit. A record that cannot be read is
 * marked too, so that it does not block the others.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
 */
export function streamHandler({ read, relay, idIn, markForSweep, log }: StreamDeps) {
  return async ({ Records }: DynamoDBStreamEvent): Promise<DynamoDBBatchResponse> => {
    const recorded: (StreamPosition & { readonly delivery: RecordedDelivery })[] = [];
    const unreadable: (StreamPosition & { readonly image: Image | undefined })[] = [];
    for (const record of Records) {
      const sequence = sequenceOf(record);
      const id = idIn(record.dynamodb?.Keys ?? {}) ?? "";
      const image = imageOf(record);
      try {
        const delivery = record.eventName === "INSERT" ? read(image ?? withoutImage()) : undefined;
        if (delivery !== undefined) recorded.push({ sequence, id, delivery });
      } catch (error) {
        log.error({ sequence, delivery: id, error: kindOf(error) }, "a record of the stream cannot be read");
        unreadable.push({ sequence, id, image });
      }
    }
    const notRelayed = new Set(await relay(recorded.map(({ delivery }) => delivery)));
    const marks = await Promise.allSettled(unreadable.map(({ id, image }) => markForSweep(id, image)));
    const failed = [
      ...recorded.filter(({ id }) => notRelayed.has(id)),
      ...unreadable.filter((_, at) => marks[at]?.status === "rejected"),
    ];
    const [first] = failed;
    if (first !== undefined) {
      const fields = { deliveries: failed.length, sequence: first.sequence, delivery: first.id };
      log.error(fields, "deliveries stay in the stream");
    }
    return { batchItemFailures: failed.map(({ sequence }) => ({ itemIdentifier: sequence })) };
  };
}

interface StreamPosition {
  readonly sequence: string;
  /** Id of the delivery. */
  readonly id: string;
}

/** If it is empty, Lambda treats the whole batch as failed. */
const sequenceOf = ({ dynamodb }: DynamoDBRecord): string => dynamodb?.SequenceNumber ?? "";

function withoutImage(): never {
  throw new Fault("record_unreadable", "a record of the stream has no new image", { retryable: false });
}

/** DynamoDB JSON, in which bytes are base64. The items of the table have only texts, numbers and bytes. */
function imageOf({ dynamodb }: DynamoDBRecord): Image | undefined {
  if (dynamodb?.NewImage === undefined) return undefined;
  const image: Image = {};
  for (const [name, { S, N, B }] of Object.entries(dynamodb.NewImage)) {
    if (S !== undefined) image[name] = { S };
    if (N !== undefined) image[name] = { N };
    if (B !== undefined) image[name] = { B: Buffer.from(B, "base64") };
  }
  return image;
}
