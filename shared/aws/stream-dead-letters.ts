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

const time = v.pipe(v.string(), v.isoTimestamp(), v.transform(Date.parse), v.transform(epochMillis));

/**
 * The message that Lambda sends for a batch of the table's stream that it gave up on: when the records were written, but
 * not the records. https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
 */
const streamDeadLetter = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    DDBStreamBatchInfo: v.object({ approximateArrivalOfFirstRecord: time, approximateArrivalOfLastRecord: time }),
    /** In the bridge's own messages: where the search stopped. */
    after: v.optional(v.string()),
  }),
);

/** Times in the message are whole seconds, and the clocks of two machines differ. */
const CLOCK_TOLERANCE_MS = 2_000;
/** Longest time from the receipt of a request to its record: no function that records runs for longer than 30 s. */
const LONGEST_REQUEST_MS = 30_000 + CLOCK_TOLERANCE_MS;
/** Receive calls in one run, each for at most ten messages. Spans that overlap are searched together. */
const RECEIVE_CALLS = 10;

export interface DeadLetterDeps {
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  /** Marks every delivery that was received in a span of time as due for the relay. Returns what it did not reach. */
  readonly requeueSpan: (span: TimeSpan) => Promise<TimeSpan | undefined>;
  readonly log: Log;
}

/**
 * Requeues the batches that the stream gave up on, by marking every delivery that was received in their time. A message is
 * deleted when all its deliveries are marked or another message covers the rest, so a failure here is retried. A search
 * reads the whole table, so one that is under way is finished before another begins. Throws nothing.
 */
export async function requeueDeadLetters({ sqs, queueUrl, requeueSpan, log }: DeadLetterDeps): Promise<void> {
  try {
    const messages = await messagesIn(sqs, queueUrl);
    const read = messages.map((message) => ({ message, span: spanOf(message) }));
    const known = read.flatMap(({ message, span }) => (span === undefined ? [] : [{ message, span }]));
    if (known.length < read.length) log.error({}, "a stream dead letter cannot be read; it stays in its queue");
    const begun = known.filter(({ span }) => span.after !== undefined);
    const now = begun.length > 0 ? begun : known;
    const spans = now.map(({ span }) => span);
    for (const span of begun.length > 0 ? spans : merged(spans)) {
      const rest = await requeueSpan(span);
      if (rest !== undefined) await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: bodyOf(rest) }));
    }
    await Promise.all(
      now.map(({ message: { ReceiptHandle } }) =>
        sqs.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle })),
      ),
    );
    if (now.length > 0) log.warn({ batches: now.length }, "stream dead letters are requeued");
  } catch (error) {
    log.error({ error: kindOf(error) }, "stream dead letters could not be requeued; the next sweep tries again");
  }
}

async function messagesIn(sqs: SQSClient, queueUrl: string): Promise<readonly Message[]> {
  const messages: Message[] = [];
  for (let call = 0; call < RECEIVE_CALLS; call++) {
    const command = new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10 });
    const { Messages: more = [] } = await sqs.send(command);
    messages.push(...more);
    if (more.length === 0) break;
  }
  return messages;
}

function spanOf({ Body }: Message): TimeSpan | undefined {
  const read = v.safeParse(streamDeadLetter, Body);
  if (!read.success) return undefined;
  const { DDBStreamBatchInfo, after } = read.output;
  const { approximateArrivalOfFirstRecord: first, approximateArrivalOfLastRecord: last } = DDBStreamBatchInfo;
  const span = { from: laterBy(first, -LONGEST_REQUEST_MS), to: laterBy(last, CLOCK_TOLERANCE_MS) };
  return after === undefined ? span : { ...span, after };
}

/** The message body from which {@link spanOf} reads this span. */
const bodyOf = ({ from, to, after }: TimeSpan): string =>
  JSON.stringify({
    DDBStreamBatchInfo: {
      approximateArrivalOfFirstRecord: toIso(laterBy(from, LONGEST_REQUEST_MS)),
      approximateArrivalOfLastRecord: toIso(laterBy(to, -CLOCK_TOLERANCE_MS)),
    },
    after,
  });

/** Merges spans that overlap or touch. */
function merged(spans: readonly TimeSpan[]): readonly TimeSpan[] {
  const disjoint: TimeSpan[] = [];
  for (const span of [...spans].sort((a, b) => a.from - b.from)) {
    const last = disjoint.at(-1);
    if (last === undefined || span.from > last.to) disjoint.push(span);
    else if (span.to > last.to) disjoint[disjoint.length - 1] = { from: last.from, to: span.to };
  }
  return disjoint;
}
