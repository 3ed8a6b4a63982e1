import { Duration } from "aws-cdk-lib";
import { EventBus, Rule } from "aws-cdk-lib/aws-events";
import { SqsQueue } from "aws-cdk-lib/aws-events-targets";
import { SqsEventSource } from "aws-cdk-lib/aws-lambda-event-sources";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import { PARTNER_EVENTS } from "../shared/providers/buildkite/partner.ts";
import { BridgeFunction, type FunctionDefaults } from "./bridge-function.ts";
import type { DeliveryTable } from "./delivery-table.ts";
import { RETRY } from "./event-bus.ts";
import { LONGEST_RETENTION } from "./failure-queue.ts";

export interface ReceivePartnerProps extends FunctionDefaults {
  /** Names of the partner event sources, as Buildkite shows them. */
  readonly eventSources: readonly string[];
  readonly table: DeliveryTable;
  readonly failures: Queue;
}

const TIMEOUT = Duration.seconds(10);
/** AWS recommends six times the function's timeout for a queue that feeds it. */
const VISIBILITY = Duration.seconds(60);
/** One receive a minute: an event that cannot be recorded for four hours moves to the failure queue. */
const MAX_RECEIVES = 240;
const MAX_CONCURRENCY = 10;

/**
 * Receives Buildkite's partner events: a bus to which only the partner can publish, a rule for the events that the bridge
 * reads, a queue to which only the rules can send, and a function that records the events.
 */
export class ReceivePartner extends BridgeFunction {
  readonly queue: Queue;

  constructor(scope: Construct, id: string, { eventSources, table, failures, ...defaults }: ReceivePartnerProps) {
    super(scope, id, {
      ...defaults,
      name: "receive-partner",
      description: "Records Buildkite's partner events",
      environment: { TABLE_NAME: table.table.tableName },
      timeout: TIMEOUT,
    });
    this.queue = new Queue(this, "Queue", {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      visibilityTimeout: VISIBILITY,
      retentionPeriod: LONGEST_RETENTION,
      deadLetterQueue: { queue: failures, maxReceiveCount: MAX_RECEIVES },
    });
    for (const [at, eventSourceName] of eventSources.entries()) {
      new Rule(this, `Rule${at}`, {
        description: "Build, job and agent events of Buildkite",
        eventBus: new EventBus(this, `Bus${at}`, { eventSourceName }),
        eventPattern: { source: [eventSourceName], detailType: [...PARTNER_EVENTS.keys()] },
        targets: [new SqsQueue(this.queue, { deadLetterQueue: failures, ...RETRY })],
      });
    }
    this.handler.addEventSource(
      new SqsEventSource(this.queue, { batchSize: 10, maxConcurrency: MAX_CONCURRENCY, reportBatchItemFailures: true }),
    );
    table.allow(this.handler, ["PutItem"]);
  }
}
