import { Duration } from "aws-cdk-lib";
import { Metric, Stats } from "aws-cdk-lib/aws-cloudwatch";
import type { ITable } from "aws-cdk-lib/aws-dynamodb";
import type { EventBus } from "aws-cdk-lib/aws-events";
import { FilterCriteria, FilterRule, MetricType, StartingPosition } from "aws-cdk-lib/aws-lambda";
import { DynamoEventSource, SqsDlq } from "aws-cdk-lib/aws-lambda-event-sources";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import { TABLE } from "../shared/store/key-schema.ts";
import { BridgeFunction, type FunctionDefaults } from "./bridge-function.ts";
import type { DeliveryTable } from "./delivery-table.ts";
import { grantSecrets, type SecretGrant } from "./secret-grants.ts";
import type { WokenQueues } from "./woken-queues.ts";

export interface RelayProps extends FunctionDefaults {
  readonly table: DeliveryTable;
  readonly bus: EventBus;
  /** Receives a message for each batch that the stream gave up on. */
  readonly streamDeadLetters: Queue;
  /** Whether an event may hold a decision or outdate an approval, which is recorded before the event is published. */
  readonly executesCommands: boolean;
  /** Secrets of the targets that are asked before a label grants an approval. */
  readonly secrets: SecretGrant;
  /** The queues of the kinds of actions of which some wait for a decision, or for the end of another run. */
  readonly woken: WokenQueues;
}

/**
 * Only a new record of a delivery is relayed. Every other write to the table (repeats, timelines, actions, pages) is
 * filtered out before it costs a call.
 */
const NEW_DELIVERY = FilterCriteria.filter({
  eventName: FilterRule.isEqual("INSERT"),
  dynamodb: { NewImage: { sk: { S: FilterRule.isEqual("head") }, outcome: { S: FilterRule.exists() } } },
});

/**
 * Publishes and lists the deliveries that the table's stream reports as recorded. If the function crashes, or if bus and
 * table are both down, the stream retries for half a day and then leaves the batch to the sweep.
 */
export class Relay extends BridgeFunction {
  readonly #stream: DynamoEventSource;

  constructor(
    scope: Construct,
    id: string,
    { table, bus, streamDeadLetters, executesCommands, secrets, woken, ...defaults }: RelayProps,
  ) {
    super(scope, id, {
      ...defaults,
      name: "relay",
      description: "Publishes recorded deliveries to the bus",
      environment: { TABLE_NAME: table.table.tableName, BUS_NAME: bus.eventBusName, ...woken.environment },
      timeout: Duration.seconds(30),
    });
    // `as`: CDK declares the class and its own interface differently under exactOptionalPropertyTypes.
    this.#stream = new DynamoEventSource(table.table as ITable, {
      startingPosition: StartingPosition.TRIM_HORIZON,
      filters: [NEW_DELIVERY],
      batchSize: 100,
      reportBatchItemFailures: true,
      bisectBatchOnError: true,
      // Unlimited attempts until the maximum age: a function that fails at once would use up any limit within moments.
      retryAttempts: -1,
      // The stream itself deletes records after a day, without any notice.
      maxRecordAge: Duration.hours(12),
      onFailure: new SqsDlq(streamDeadLetters),
      metricsConfig: { metrics: [MetricType.EVENT_COUNT] },
    });
    this.handler.addEventSource(this.#stream);
    // The queries read list pages, to make the index of an earlier time.
    table.allow(
      this.handler,
      ["GetItem", "PutItem", "UpdateItem", "Query"],
      executesCommands ? [TABLE.dueIndex.name] : [],
    );
    grantSecrets(this.handler, secrets);
    woken.grantTo(this.handler);
    bus.grantPutEventsTo(this.handler);
  }
  /**
   * How many records of the stream Lambda polled, filtered out or dropped.
   * https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html#event-source-mapping-metrics
   */
  countOf(metricName: "PolledEventCount" | "FilteredOutEventCount" | "DroppedEventCount"): Metric {
    return new Metric({
      namespace: "AWS/Lambda",
      metricName,
      dimensionsMap: { EventSourceMappingUUID: this.#stream.eventSourceMappingId },
      statistic: Stats.SUM,
    });
  }
}
