import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import type { Clock } from "../../shared/host/clock.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import type { AwsAccount } from "./aws-account.ts";

/** The message that a route's rule makes of an event (`infra/event-bus.ts`). */
export const bodyOf = (route: string, { detail: { id, delivery } }: BusEvent): string =>
  JSON.stringify({ route, entry: { detail: { id, delivery } } });

/** A message in the form in which Lambda passes it on. */
export function queueMessage(messageId: string, body: string): SQSRecord {
  return {
    messageId,
    receiptHandle: `receipt-of-${messageId}`,
    body,
    attributes: {
      ApproximateReceiveCount: "1",
      SentTimestamp: "1793610000000",
      SenderId: "AIDAEXAMPLE",
      ApproximateFirstReceiveTimestamp: "1793610000000",
    },
    messageAttributes: {},
    md5OfBody: "",
    eventSource: "aws:sqs",
    eventSourceARN: "arn:aws:sqs:eu-central-1:123456789012:queue",
    awsRegion: "eu-central-1",
  };
}

export type QueueHandler = (event: SQSEvent) => Promise<SQSBatchResponse>;

/**
 * A queue in front of a function, as SQS and Lambda operate it: a message that its batch does not report as failed is
 * deleted. A failed one becomes visible again at the end of its visibility timeout.
 */
export class SandboxQueue {
  readonly #waiting = new Map<string, { readonly body: string; visibleAt: number }>();
  readonly #account: AwsAccount;
  readonly #clock: Clock;

  constructor(account: AwsAccount, clock: Clock) {
    this.#account = account;
    this.#clock = clock;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** The time at which the next message becomes visible. Undefined if there is none. */
  get nextAt(): number | undefined {
    return [...this.#waiting.values()].map(({ visibleAt }) => visibleAt).sort((a, b) => a - b)[0];
  }

  put(messageId: string, body: string, delaySeconds = 0): void {
    this.#waiting.set(messageId, { body, visibleAt: this.#clock.now() + delaySeconds * 1_000 });
  }

  /** Delivers the messages that are visible now, in batches of at most `batchSize`. */
  async deliver(handler: QueueHandler, batchSize = 10): Promise<void> {
    const visible = [...this.#waiting].filter(([, { visibleAt }]) => visibleAt <= this.#clock.now());
    for (let at = 0; at < visible.length; at += batchSize) {
      const batch = visible.slice(at, at + batchSize);
      const { batchItemFailures } = await handler({ Records: batch.map(([id, { body }]) => queueMessage(id, body)) });
      const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
      for (const [id] of batch) if (!failed.has(id)) this.#waiting.delete(id);
    }
    for (const { target, input } of this.#account.calls) {
      if (target !== "AmazonSQS.ChangeMessageVisibility") continue;
      const message = this.#waiting.get(input.ReceiptHandle?.slice("receipt-of-".length) ?? "");
      if (message) message.visibleAt = this.#clock.now() + (input.VisibilityTimeout ?? 0) * 1_000;
    }
    this.#account.calls.length = 0;
  }
}
