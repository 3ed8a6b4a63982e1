import {
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import * as v from "valibot";
import { type Fault, kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import type { Fields, ItemKey, Table } from "../store/table.ts";

/** Two tries in three seconds: the sender of the delivery waits, and has waited for the table already. */
const SPILL_LIMITS = {
  maxAttempts: 2,
  requestHandler: { connectionTimeout: 500, requestTimeout: 1_500, throwOnRequestTimeout: true },
} as const;
/** Bytes of a message (SQS quotas). A record has at most 400 KB, which is 533 KB in base64. */
export const SPILL_BYTES = 1_048_576;

export interface SpillDeps {
  readonly queueUrl: string;
  readonly log: Log;
}

/**
 * Puts the record of a delivery that the table did not take into a queue: the packed item, as the table would have it.
 * Throws the fault of the table if the queue does not take it either.
 */
export async function spillRecord(item: Fields & ItemKey, fault: Fault, { queueUrl, log }: SpillDeps): Promise<void> {
  client ??= new SQSClient(SPILL_LIMITS);
  const fields = { delivery: item.pk, fault: fault.code };
  try {
    await client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: bodyOf(item) }));
  } catch (error) {
    log.error({ ...fields, error: kindOf(error) }, "a delivery could not be recorded, and not be spilled either");
    throw fault;
  }
  log.warn(fields, "a delivery could not be recorded yet; it waits in the queue of spilled records");
}

let client: SQSClient | undefined;

export interface DrainDeps extends SpillDeps {
  readonly sqs: SQSClient;
  readonly table: Pick<Table, "create">;
  readonly hasTime: () => boolean;
}

/**
 * Records what was spilled. A message is deleted after its record is in the table, so a failure here repeats it, and a
 * record that is there already stays as it is. Stops with the first one that the table does not take. Throws nothing.
 */
export async function drainSpilled(deps: DrainDeps): Promise<void> {
  const { sqs, queueUrl, log, hasTime } = deps;
  try {
    while (hasTime()) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: MESSAGES_OF_A_CALL }),
      );
      if (Messages.length === 0) break;
      const results = await Promise.allSettled(Messages.map((message) => recordSpilled(message, deps)));
      const done = Messages.filter((_, at) => results[at]?.status === "fulfilled");
      await deleteAll(done, deps);
      const failed = results.find(({ status }) => status === "rejected");
      if (failed?.status === "rejected") throw failed.reason;
    }
  } catch (error) {
    log.error({ error: kindOf(error) }, "spilled records stay in their queue; the next sweep tries again");
  }
}

const MESSAGES_OF_A_CALL = 10;

async function recordSpilled({ Body }: Message, { table }: DrainDeps): Promise<void> {
  await table.create(v.parse(spilled, Body));
}

async function deleteAll(messages: readonly Message[], { sqs, queueUrl }: DrainDeps): Promise<void> {
  if (messages.length === 0) return;
  const Entries = messages.map(({ ReceiptHandle }, at) => ({ Id: String(at), ReceiptHandle }));
  // A message that is not deleted comes again, and finds its record.
  await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
}

/** The fields as JSON, with bytes in base64. */
function bodyOf(item: Fields & ItemKey): string {
  const fields = Object.entries(item).map(([name, value]) => [
    name,
    value instanceof Uint8Array ? { base64: Buffer.from(value).toString("base64") } : value,
  ]);
  return JSON.stringify(Object.fromEntries(fields));
}

const bytes = v.pipe(
  v.strictObject({ base64: v.pipe(v.string(), v.base64()) }),
  v.transform(({ base64 }) => Buffer.from(base64, "base64")),
);
const spilled = v.pipe(
  v.string(),
  v.parseJson(),
  v.objectWithRest({ pk: v.string(), sk: v.string() }, v.union([v.string(), v.number(), bytes])),
);
