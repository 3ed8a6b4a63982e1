import { DeleteMessageBatchCommand, type Message, ReceiveMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import * as v from "valibot";
import { kindOf } from "../host/fault.ts";
import type { Table } from "../store/table.ts";
import type { SpillDeps } from "./spilled-records.ts";

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

const bytes = v.pipe(
  v.strictObject({ base64: v.pipe(v.string(), v.base64()) }),
  v.transform(({ base64 }) => Buffer.from(base64, "base64")),
);
const spilled = v.pipe(
  v.string(),
  v.parseJson(),
  v.objectWithRest({ pk: v.string(), sk: v.string() }, v.union([v.string(), v.number(), bytes])),
);
