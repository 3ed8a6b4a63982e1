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
 * record that is there already stays as it is. Stops when the table does not take one. A message that is no record of a
 * delivery stays, and does not hold the others. Throws nothing.
 */
export async function drainSpilled(deps: DrainDeps): Promise<void> {
  const { sqs, queueUrl, table, log, hasTime } = deps;
  try {
    while (hasTime()) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: MESSAGES_OF_A_CALL }),
      );
      if (Messages.length === 0) break;
      const read = Messages.map((message) => ({ message, item: v.safeParse(spilled, message.Body) }));
      const records = read.flatMap(({ message, item }) => (item.success ? [{ message, item: item.output }] : []));
      const foreign = read.length - records.length;
      if (foreign > 0)
        log.error({ messages: foreign }, "messages in the queue of spilled records are no deliveries; they stay there");
      const results = await Promise.allSettled(records.map(({ item }) => table.create(item)));
      const done = records.filter((_, at) => results[at]?.status === "fulfilled");
      await deleteAll(
        done.map(({ message }) => message),
        deps,
      );
      const failed = results.find(({ status }) => status === "rejected");
      if (failed?.status === "rejected") throw failed.reason;
    }
  } catch (error) {
    log.error({ error: kindOf(error) }, "spilled records stay in their queue; the next sweep tries again");
  }
}

const MESSAGES_OF_A_CALL = 10;

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
/** Who may send to the queue must not be able to write an approval, or any other item than `receive` records. */
const spilled = v.pipe(
  v.string(),
  v.parseJson(),
  v.objectWithRest(
    { pk: v.pipe(v.string(), v.startsWith("d-")), sk: v.literal("head"), outcome: v.string() },
    v.union([v.string(), v.number(), bytes]),
  ),
);
