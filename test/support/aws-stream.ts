import { createHash } from "node:crypto";
import { BatchGetItemCommand } from "@aws-sdk/client-dynamodb";
import type { DynamoDBBatchResponse, DynamoDBRecord, DynamoDBStreamEvent } from "aws-lambda";
import type { RequeueDeps } from "../../shared/delivery/requeue-span.ts";
import type { Clock } from "../../shared/host/clock.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { findDeliveries } from "../../shared/store/dynamodb/find-deliveries.ts";
import type { StoredItem } from "../../shared/store/dynamodb/item.ts";
import { DynamoDbTable } from "../../shared/store/dynamodb/table.ts";
import { type AllStores, openAllStores } from "./all-stores.ts";
import { type AwsAccount, sent } from "./aws-account.ts";
import { testClock } from "./test-doubles.ts";

/** The stream's record of an item, in the form in which Lambda passes it on: bytes are base64. */
export function streamRecord(
  item: StoredItem,
  sequence: number,
  eventName: "INSERT" | "MODIFY" | "REMOVE" = "INSERT",
): DynamoDBRecord {
  const image = JSON.parse(
    JSON.stringify(item, (_, value) => (value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value)),
  );
  return {
    eventID: `event-${sequence}`,
    eventName,
    eventSource: "aws:dynamodb",
    awsRegion: "eu-central-1",
    dynamodb: {
      Keys: { pk: image.pk, sk: image.sk },
      SequenceNumber: sequenceNumber(sequence),
      ApproximateCreationDateTime: Math.floor(Number(String(image.receivedAt?.N ?? "0")) / 1_000),
      StreamViewType: "NEW_IMAGE",
      ...(eventName !== "REMOVE" && { NewImage: image }),
    },
  };
}

/** Increases with the records. The service's numbers have 21 digits and more. */
export const sequenceNumber = (sequence: number): string => `1${String(sequence).padStart(20, "0")}`;

/** The head item of a delivery in the account's table. */
export async function storedHead(account: AwsAccount, id: string): Promise<StoredItem> {
  const [head] = await storedHeads(account, [id]);
  if (head === undefined) throw new Error(`there is no ${id}`);
  return head;
}

/** The head items of these deliveries, in the order of the ids. */
export async function storedHeads(
  { client, environment }: AwsAccount,
  ids: readonly string[],
): Promise<readonly StoredItem[]> {
  const heads = new Map<string | undefined, StoredItem>();
  for (let at = 0; at < ids.length; at += MAX_BATCH) {
    const Keys = ids.slice(at, at + MAX_BATCH).map((id) => ({ pk: { S: id }, sk: { S: "head" } }));
    const RequestItems = { [environment.TABLE_NAME]: { Keys, ConsistentRead: true } };
    const { Responses = {} } = await client.send(new BatchGetItemCommand({ RequestItems }));
    for (const item of Responses[environment.TABLE_NAME] ?? []) heads.set(item["pk"]?.S, item);
  }
  return ids.map((id) => {
    const head = heads.get(id);
    if (head === undefined) throw new Error(`there is no ${id}`);
    return head;
  });
}

/** DynamoDB returns up to this many items in one response. */
const MAX_BATCH = 100;

/** Records deliveries as `receive` does. Returns their records in the stream. */
export async function recorded(
  account: AwsAccount,
  given: readonly RecordedDelivery[],
): Promise<readonly DynamoDBRecord[]> {
  const { deliveries } = storesOf(account);
  for (const delivery of given) await deliveries.record(delivery);
  const heads = await storedHeads(
    account,
    given.map(({ id }) => id),
  );
  account.calls.length = 0;
  return heads.map((head, at) => streamRecord(head, at));
}

/** The stores of an account, as its functions open them. */
export const storesOf = ({ client, environment }: AwsAccount, clock: Clock = testClock()): AllStores =>
  openAllStores(new DynamoDbTable(client, environment.TABLE_NAME), {
    retentionDays: 30,
    markUnrelayed: false,
    singleProcess: false,
    clock,
  });

/** Searches the account's table as the sweep does. */
export const findIn =
  ({ client, environment }: AwsAccount): RequeueDeps["find"] =>
  (span) =>
    findDeliveries(client, environment.TABLE_NAME, span);

/** The item with truncated content, which no release ever wrote. */
export const spoilt = (item: StoredItem): StoredItem => ({ ...item, content: { B: Uint8Array.of(1, 2, 3) } });

export interface StreamSettings {
  readonly batchSize: number;
  /** Retries of a batch until its records are too old. */
  readonly retries: number;
}

type Batch = readonly DynamoDBRecord[];

/**
 * One shard's consumer as Lambda runs it: a batch that fails is retried from the first failure that it names, in halves,
 * until it is too old. Then its rest is set aside. A handler that throws fails the whole batch.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
 */
export async function consume(
  records: Batch,
  handler: (event: DynamoDBStreamEvent) => Promise<DynamoDBBatchResponse>,
  { batchSize, retries }: StreamSettings,
): Promise<{ readonly setAside: readonly Batch[]; readonly calls: number }> {
  const setAside: Batch[] = [];
  let calls = 0;
  const failedFrom = async (batch: Batch): Promise<number> => {
    calls += 1;
    const answer = await handler({ Records: [...batch] }).catch(() => undefined);
    if (answer === undefined) return 0;
    const failed = new Set(answer.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    return batch.findIndex(({ dynamodb }) => failed.has(dynamodb?.SequenceNumber ?? ""));
  };
  const run = async (batch: Batch, left: number): Promise<void> => {
    const first = await failedFrom(batch);
    if (first < 0) return;
    const rest = batch.slice(first);
    if (left === 0) return void setAside.push(rest);
    if (rest.length === 1) return run(rest, left - 1);
    const middle = Math.ceil(rest.length / 2);
    await run(rest.slice(0, middle), left - 1);
    await run(rest.slice(middle), left - 1);
  };
  for (let at = 0; at < records.length; at += batchSize) await run(records.slice(at, at + batchSize), retries);
  return { setAside, calls };
}

/**
 * Lambda's message about a batch that it gave up, whose records were written `lateSeconds` after their requests came.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
 */
export function givenUp(batch: Batch, lateSeconds = 0): string {
  const arrival = (record: DynamoDBRecord | undefined): string =>
    `${new Date(((record?.dynamodb?.ApproximateCreationDateTime ?? 0) + lateSeconds) * 1_000).toISOString().slice(0, 19)}Z`;
  return JSON.stringify({
    requestContext: { requestId: "r-1", condition: "RecordAgeExceeded", approximateInvokeCount: 9 },
    version: "1.0",
    DDBStreamBatchInfo: {
      shardId: "shard-1",
      startSequenceNumber: batch[0]?.dynamodb?.SequenceNumber,
      endSequenceNumber: batch.at(-1)?.dynamodb?.SequenceNumber,
      approximateArrivalOfFirstRecord: arrival(batch[0]),
      approximateArrivalOfLastRecord: arrival(batch.at(-1)),
      batchSize: batch.length,
    },
  });
}

/** Replaces the content of the queue for given-up batches. Returns a function that returns what is left in it. */
export function unrelayedQueue(
  { answers, environment }: AwsAccount,
  bodies: readonly string[],
): () => readonly string[] {
  const left = new Map(bodies.map((body, at) => [`m-${at}`, body]));
  let hidden = new Set<string>();
  answers.set("AmazonSQS.ReceiveMessage", ({ QueueUrl }) => {
    if (QueueUrl !== environment.QUEUE_URL) return { Messages: [] };
    const shown = [...left].filter(([id]) => !hidden.has(id)).slice(0, 10);
    // A message that was received becomes visible again after all others were.
    hidden = new Set(shown.length === 0 ? [] : [...hidden, ...shown.map(([id]) => id)]);
    return {
      Messages: shown.map(([id, body]) => ({
        MessageId: id,
        ReceiptHandle: id,
        Body: body,
        MD5OfBody: createHash("md5").update(body).digest("hex"),
      })),
    };
  });
  answers.set("AmazonSQS.SendMessage", ({ MessageBody = "" }) => {
    left.set(`again-${left.size}-${MessageBody}`, MessageBody);
    return sent(MessageBody);
  });
  answers.set("AmazonSQS.DeleteMessage", ({ ReceiptHandle = "" }) => {
    left.delete(ReceiptHandle);
    return {};
  });
  return () => [...left.values()];
}
