import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { vi } from "vitest";
import type { Clock } from "../../shared/host/clock.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import type { AwsAccount } from "./aws-account.ts";

/** What Lambda sets for a function that a message calls: the SDK passes it on with each message that the function sends. */
const TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0;Lineage=1:a87bd80c:";
/** The lineage of the sender of a message, which its request has in this header. */
export const lineageIn = (trace: string): number => Number(/Lineage=1:a87bd80c:(\d+)/.exec(trace)?.[1] ?? 0);

/** The message that a route's rule makes of an event (`infra/event-bus.ts`). */
export const bodyOf = (route: string, { detail: { id, delivery } }: BusEvent): string =>
  JSON.stringify({ route, entry: { detail: { id, delivery } } });

/** A message in the form in which Lambda passes it on. */
export function queueMessage(messageId: string, body: string, receives = 1): SQSRecord {
  return {
    messageId,
    receiptHandle: `receipt-of-${messageId}`,
    body,
    attributes: {
      ApproximateReceiveCount: String(receives),
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
  readonly #waiting = new Map<
    string,
    { readonly body: string; readonly lineage: number; visibleAt: number; receives: number }
  >();
  readonly #account: AwsAccount;
  readonly #clock: Clock;
  /** Messages handed over so far. */
  deliveries = 0;
  /** The most calls of functions in a row, each because of a message that the one before it sent. */
  longestLineage = 0;

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

  /** `lineage`: how often its sender was called because of a message, as Lambda counts it. */
  put(messageId: string, body: string, { delaySeconds = 0, lineage = 0 } = {}): void {
    this.#waiting.set(messageId, { body, lineage, receives: 0, visibleAt: this.#clock.now() + delaySeconds * 1_000 });
  }

  /** Delivers the messages that are visible now, in batches of at most `batchSize`. */
  async deliver(handler: QueueHandler, batchSize = 10): Promise<void> {
    const visible = [...this.#waiting].filter(([, { visibleAt }]) => visibleAt <= this.#clock.now());
    for (let at = 0; at < visible.length; at += batchSize) {
      const batch = visible.slice(at, at + batchSize);
      for (const [, message] of batch) message.receives += 1;
      const lineage = 1 + Math.max(...batch.map(([, message]) => message.lineage));
      this.longestLineage = Math.max(this.longestLineage, lineage);
      vi.stubEnv("AWS_LAMBDA_FUNCTION_NAME", "drawbridge-act");
      vi.stubEnv("_X_AMZN_TRACE_ID", `${TRACE}${lineage}`);
      const Records = batch.map(([id, { body, receives }]) => queueMessage(id, body, receives));
      const { batchItemFailures } = await handler({ Records });
      vi.stubEnv("_X_AMZN_TRACE_ID", undefined);
      this.deliveries += batch.length;
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
