import { ChangeMessageVisibilityCommand, SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import * as v from "valibot";
import type { AttemptResult } from "../delivery/act.ts";
import type { QueuedEvent } from "../delivery/schedule.ts";
import { type Clock, type EpochMillis, epochMillis } from "../host/clock.ts";
import { kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { cut } from "../model/event.ts";

/** The message that a route's rule makes of a published entry: as much of it as is read (`infra/event-bus.ts`). */
const message = v.object({
  route: v.string(),
  entry: v.object({
    detail: v.object({
      eventKey: v.string(),
      delivery: v.string(),
      replay: v.optional(v.object({ routes: v.array(v.string()) })),
    }),
  }),
});

export interface QueueDeps {
  readonly run: (route: string, happening: QueuedEvent) => Promise<AttemptResult>;
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Runs the action of each message of a batch. One that is due again stays in the queue, out of sight until then; one that
 * waits its turn goes to the queue's end as a new message; one that was given up goes to the dead-letter queue with the
 * reason, before it leaves this one. One message's failure is no other's.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
 */
export function queueHandler(deps: QueueDeps) {
  return async ({ Records }: SQSEvent): Promise<SQSBatchResponse> => {
    const kept = await Promise.all(Records.map(async (record) => ((await isDone(record, deps)) ? [] : [record])));
    return { batchItemFailures: kept.flat().map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };
}

/**
 * Whether the message may leave the queue. What fails here comes again by itself,
 * and too many times to the dead letters.
 */
async function isDone(record: SQSRecord, deps: QueueDeps): Promise<boolean> {
  try {
    const acted = await run(record, deps);
    if (acted.result === "again") await hide(record, acted.at, deps);
    if (acted.result === "waits") await defer(record, acted.at, deps);
    if (acted.result === "gave_up") await bury(record, acted.summary, deps);
    return acted.result !== "again";
  } catch (error) {
    deps.log.error(
      { messageId: record.messageId, error: kindOf(error) },
      "a message could not be dealt with; it comes again",
    );
    return false;
  }
}

async function run({ body, attributes }: SQSRecord, deps: QueueDeps): Promise<AttemptResult> {
  const read = v.safeParse(v.pipe(v.string(), v.parseJson(), message), body);
  if (!read.success) return { result: "gave_up", summary: "the message is none of a route's" };
  const { route, entry } = read.output;
  return deps.run(route, { ...entry.detail, queuedAt: epochMillis(Number(attributes.SentTimestamp)) });
}

/**
 * Seconds that a message may stay out of sight at most: SQS allows 12 hours from its receipt, and refuses what would pass
 * them. The rest is for the attempt that was just made, which Lambda bounds to 15 minutes. One that comes too early is
 * hidden again.
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

/**
 * Waiting is no failure, so it counts neither as a receive nor towards the age of the oldest message. If the old message
 * then stays after all, there are two: the second to come finds the action taken, waiting or done.
 */
async function defer({ body }: SQSRecord, until: EpochMillis, { sqs, queueUrl, clock }: QueueDeps): Promise<void> {
  const seconds = Math.ceil((until - clock.now()) / 1_000);
  await sqs.send(
    new SendMessageCommand({
      QueueUrl: queueUrl,
      MessageBody: body,
      DelaySeconds: Math.min(Math.max(seconds, 0), MAX_DELAY_SECONDS),
    }),
  );
}

/** SQS delays a message by 15 minutes at most (API reference, SendMessage). */
const MAX_DELAY_SECONDS = 900;

async function bury({ body }: SQSRecord, summary: string, { sqs, deadLetterQueueUrl }: QueueDeps): Promise<void> {
  await sqs.send(
    new SendMessageCommand({
      QueueUrl: deadLetterQueueUrl,
      MessageBody: body,
      MessageAttributes: { reason: { DataType: "String", StringValue: sendable(cut(summary, MAX_REASON)) } },
    }),
  );
}

/** UTF-16 code units of the reason that a person reads in the queue. */
const MAX_REASON = 500;

/** SQS refuses a message with any other character (API reference, SendMessage). */
const sendable = (text: string): string =>
  text.toWellFormed().replaceAll(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD");
