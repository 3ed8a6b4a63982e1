import {
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import * as v from "valibot";
import type { TimeSpan } from "../delivery/requeue-span.ts";
import { epochMillis, laterBy, toIso } from "../host/clock.ts";
import { kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";

/**
 * What Lambda leaves of a batch of the table's stream that it gave up on: when its records were written, and none of them.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
 */
const time = v.pipe(v.string(), v.isoTimestamp(), v.transform(Date.parse), v.transform(epochMillis));
const givenUp = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    DDBStreamBatchInfo: v.object({ approximateArrivalOfFirstRecord: time, approximateArrivalOfLastRecord: time }),
  }),
);

/** The stream tells times in whole seconds, and two machines' clocks are not one. */
const CLOCKS_MS = 2_000;
/** From the receipt of a request to its record at most: no function that records runs for longer than 30 s. */
const LONGEST_REQUEST_MS = 30_000 + CLOCKS_MS;
/** Calls for messages in one round, each of ten at most: what overlaps in time is marked together. */
const CALLS = 10;

export interface DeadLetterDeps {
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  /** Marks every event that was received in a span of time. Gives what there was no time for. */
  readonly mark: (span: TimeSpan) => Promise<TimeSpan | undefined>;
  readonly log: Log;
}

/**
 * Takes up what the stream gave up on: marks all events that were received when those were. A message leaves the queue when
 * all are marked, or another one tells of the rest, so what fails here comes again; nothing is thrown.
 */
export async function requeueDeadLetters({ sqs, queueUrl, mark, log }: DeadLetterDeps): Promise<void> {
  try {
    const messages = await messagesIn(sqs, queueUrl);
    const read = messages.map((message) => ({ message, span: spanOf(message) }));
    const known = read.filter(({ span }) => span !== undefined);
    if (known.length < read.length) log.error({}, "a message about the stream cannot be read; it stays in its queue");
    for (const span of merged(known.flatMap((one) => one.span ?? []))) {
      const rest = await mark(span);
      if (rest !== undefined) await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: bodyOf(rest) }));
    }
    const done = known.map(({ message }) => message.ReceiptHandle);
    await Promise.all(
      done.map((handle) => sqs.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: handle }))),
    );
    if (done.length > 0) log.warn({ batches: done.length }, "what the stream gave up on is taken up");
  } catch (error) {
    log.error({ error: kindOf(error) }, "what the stream gave up on could not be taken up; the next sweep tries again");
  }
}

async function messagesIn(sqs: SQSClient, queueUrl: string): Promise<readonly Message[]> {
  const messages: Message[] = [];
  for (let call = 0; call < CALLS; call++) {
    const command = new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10 });
    const { Messages: more = [] } = await sqs.send(command);
    messages.push(...more);
    if (more.length === 0) break;
  }
  return messages;
}

function spanOf({ Body }: Message): TimeSpan | undefined {
  const read = v.safeParse(givenUp, Body);
  if (!read.success) return undefined;
  const { approximateArrivalOfFirstRecord: first, approximateArrivalOfLastRecord: last } =
    read.output.DDBStreamBatchInfo;
  return { from: laterBy(first, -LONGEST_REQUEST_MS), to: laterBy(last, CLOCKS_MS) };
}

/** What {@link spanOf} reads as this span. */
const bodyOf = ({ from, to }: TimeSpan): string =>
  JSON.stringify({
    DDBStreamBatchInfo: {
      approximateArrivalOfFirstRecord: toIso(laterBy(from, LONGEST_REQUEST_MS)),
      approximateArrivalOfLastRecord: toIso(laterBy(to, -CLOCKS_MS)),
    },
  });

/** The same time in as few spans as it can be told. */
function merged(spans: readonly TimeSpan[]): readonly TimeSpan[] {
  const whole: TimeSpan[] = [];
  for (const span of [...spans].sort((a, b) => a.from - b.from)) {
    const last = whole.at(-1);
    if (last === undefined || span.from > last.to) whole.push(span);
    else if (span.to > last.to) whole[whole.length - 1] = { from: last.from, to: span.to };
  }
  return whole;
}
