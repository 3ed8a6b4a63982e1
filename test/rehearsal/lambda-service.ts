import { DeleteMessageCommand, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import * as v from "valibot";
import { matches } from "../../shared/routes/matches.ts";
import { compilePattern, type Pattern } from "../../shared/routes/pattern.ts";
import { queueMessage } from "../support/aws-queue.ts";
import type { Account } from "./account.ts";
import type { FunctionProcess } from "./function-process.ts";

const batchAnswer = v.object({ batchItemFailures: v.array(v.object({ itemIdentifier: v.string() })) });

/** Reads a stream on from the last position. moto serves DynamoDB Streams itself. */
export class StreamReader {
  readonly #account: Account;
  readonly #streamArn: string;
  #iterator: string | undefined;

  constructor(account: Account, streamArn: string) {
    this.#account = account;
    this.#streamArn = streamArn;
  }

  async next(): Promise<readonly StreamRecord[]> {
    const ShardIterator = this.#iterator ?? (await this.#start());
    const { Records, NextShardIterator } = v.parse(records, await this.#call("GetRecords", { ShardIterator }));
    this.#iterator = NextShardIterator;
    return Records;
  }

  async #start(): Promise<string> {
    const StreamArn = this.#streamArn;
    const { StreamDescription } = v.parse(description, await this.#call("DescribeStream", { StreamArn }));
    const [{ ShardId }] = StreamDescription.Shards;
    const input = { StreamArn, ShardId, ShardIteratorType: "TRIM_HORIZON" };
    return v.parse(v.object({ ShardIterator: v.string() }), await this.#call("GetShardIterator", input)).ShardIterator;
  }

  #call(action: string, input: object): Promise<unknown> {
    return this.#account.json("dynamodb", `DynamoDBStreams_20120810.${action}`, input);
  }
}

const description = v.object({
  StreamDescription: v.object({ Shards: v.tuple([v.object({ ShardId: v.string() })]) }),
});
const records = v.object({
  Records: v.array(v.looseObject({ eventName: v.string() })),
  NextShardIterator: v.string(),
});
type StreamRecord = v.InferOutput<typeof records>["Records"][number];

/** The filter of an event source mapping in the template: a record passes if one pattern matches. */
export function filterOf(mapping: unknown): (record: unknown) => boolean {
  const patterns = v.parse(filters, mapping).FilterCriteria.Filters.map(({ Pattern: text }) => compiled(text));
  return (record) => patterns.some((pattern) => matches(pattern, record));
}

const filters = v.object({
  FilterCriteria: v.object({ Filters: v.array(v.object({ Pattern: v.string() })) }),
});

function compiled(text: string): Pattern {
  const compilation = compilePattern(JSON.parse(text));
  if (compilation.ok) return compilation.pattern;
  throw new Error("a filter of the template is no pattern");
}

/** Passes records to a function. Throws if it reports one as failed, because nothing fails in a rehearsal. */
export async function handRecords(run: FunctionProcess, batch: readonly StreamRecord[]): Promise<void> {
  if (batch.length === 0) return;
  const { batchItemFailures } = v.parse(batchAnswer, await run.call({ Records: batch }));
  if (batchItemFailures.length > 0) throw new Error(`the relay reported ${batchItemFailures.length} records as failed`);
}

export interface QueueMapping {
  readonly queueUrl: string;
  readonly batchSize: number;
  readonly run: FunctionProcess;
}

/**
 * Passes the visible messages of a queue to its function, and deletes those that it does not report. Returns the number
 * of messages.
 */
export async function handMessages({ sqs }: Account, { queueUrl, batchSize, run }: QueueMapping): Promise<number> {
  const receive = new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: batchSize });
  const { Messages = [] } = await sqs.send(receive);
  if (Messages.length === 0) return 0;
  const Records = Messages.map(({ MessageId = "", Body = "", ReceiptHandle = "" }) => ({
    ...queueMessage(MessageId, Body),
    receiptHandle: ReceiptHandle,
  }));
  const { batchItemFailures } = v.parse(batchAnswer, await run.call({ Records }));
  const kept = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
  for (const { messageId, receiptHandle } of Records) {
    if (kept.has(messageId)) continue;
    await sqs.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: receiptHandle }));
  }
  return Messages.length;
}
