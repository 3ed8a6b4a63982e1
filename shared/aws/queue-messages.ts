import { ChangeMessageVisibilityCommand, SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import * as v from "valibot";
import {
  MESSAGE_REFUSALS,
  type MessageRefusal,
  type MessageResult,
  type QueueMessage,
} from "../delivery/act-on-message.ts";
import { type Clock, type EpochMillis, epochMillis } from "../host/clock.ts";
import { kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { cut } from "../model/event.ts";

/** An id as the bridge makes them, with the number of a later event. Nothing else becomes a key of the table. */
const recordId = v.pipe(v.string(), v.regex(/^[a-z\d-]{1,64}(?:\.\d{1,4})?$/));

/** The fields that are read of the message that a route's rule creates from a bus event (`infra/event-bus.ts`). */
const message = v.object({
  route: v.pipe(v.string(), v.maxLength(100)),
  entry: v.object({ detail: v.object({ id: recordId, delivery: recordId }) }),
});

export interface QueueDeps {
  readonly run: (message: QueueMessage) => Promise<MessageResult>;
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Runs the action of each message of a batch. A message that is due again stays in the queue and is hidden until then.
 * The message of an action that waits for longer leaves the queue: the action is in the index `due`, and the sweep sends it
 * again. The function itself sends nothing to its own queue, which Lambda would stop as a loop. A message that is refused,
 * or whose action gave up, is sent to the dead-letter queue with the reason, before it leaves this queue. A failure of one
 * message does not affect the others.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
 */
export function queueHandler(deps: QueueDeps) {
  return async ({ Records }: SQSEvent): Promise<SQSBatchResponse> => {
    const failed = await Promise.all(Records.map(async (record) => ((await isDone(record, deps)) ? [] : [record])));
    return { batchItemFailures: failed.flat().map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };
}

/**
 * Whether the message may leave the queue. If it fails here, SQS redelivers it, and moves it to the dead-letter queue after
 * too many receives.
 */
async function isDone(record: SQSRecord, deps: QueueDeps): Promise<boolean> {
  try {
    const attempt = await run(record, deps);
    if (attempt.result === "again") await hide(record, attempt.at, deps);
    if (attempt.result === "gave_up") await deadLetter(record, attempt.summary, deps);
    if (attempt.result === "refused") await deadLetter(record, MESSAGE_REFUSALS[attempt.reason], deps);
    return attempt.result !== "again";
  } catch (error) {
    deps.log.error(
      { messageId: record.messageId, error: kindOf(error) },
      "a message could not be processed; it is received again",
    );
    return false;
  }
}

async function run(record: SQSRecord, deps: QueueDeps): Promise<MessageResult> {
  const read = v.safeParse(v.pipe(v.string(), v.parseJson(), message), record.body);
  if (!read.success) return refused(record, "not_of_a_route", {}, deps);
  const { route, entry } = read.output;
  const { id: event, delivery } = entry.detail;
  const queuedAt = epochMillis(Number(record.attributes.SentTimestamp));
  const receives = Number(record.attributes.ApproximateReceiveCount);
  const result = await deps.run({ route, delivery, event, queuedAt, receives });
  return result.result === "refused" ? refused(record, result.reason, { route, event }, deps) : result;
}

/** Nothing but a forged event, or a change of the configuration, leads to such a message. */
function refused(
  { messageId }: SQSRecord,
  refusedMessage: MessageRefusal,
  named: { readonly route?: string; readonly event?: string },
  { log }: QueueDeps,
): MessageResult {
  log.warn({ messageId, ...named, refusedMessage }, "a queue message was refused");
  return { result: "refused", reason: refusedMessage };
}

/**
 * Longest time that a message may stay hidden, in seconds. SQS allows 12 hours from the receipt and rejects a later time.
 * 15 minutes of them are reserved for the attempt that was just made, which is the limit of Lambda. A message that becomes
 * visible before it is due is hidden again.
 */
const MAX_HIDDEN_SECONDS = 43_200 - 900;

async function hide(
  { receiptHandle }: SQSRecord,
  until: EpochMillis,
  { sqs, queueUrl, clock }: QueueDeps,
): Promise<void> {
  const seconds = Math.ceil((until - clock.now()) / 1_000);
  await sqs.send(
    new ChangeMessageVisibilityCommand({
      QueueUrl: queueUrl,
      ReceiptHandle: receiptHandle,
      VisibilityTimeout: Math.min(Math.max(seconds, 0), MAX_HIDDEN_SECONDS),
    }),
  );
}

async function deadLetter({ body }: SQSRecord, summary: string, { sqs, deadLetterQueueUrl }: QueueDeps): Promise<void> {
  await sqs.send(
    new SendMessageCommand({
      QueueUrl: deadLetterQueueUrl,
      MessageBody: body,
      MessageAttributes: { reason: { DataType: "String", StringValue: sendable(cut(summary, MAX_REASON)) } },
    }),
  );
}

/** UTF-16 code units of the reason, which a person reads in the queue. */
const MAX_REASON = 500;

/** Replaces the characters that SQS rejects in a message (API reference, SendMessage). */
const sendable = (text: string): string =>
  text.toWellFormed().replaceAll(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD");
