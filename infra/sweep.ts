import { Duration, Stack } from "aws-cdk-lib";
import type { EventBus } from "aws-cdk-lib/aws-events";
import { PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { SqsDestination } from "aws-cdk-lib/aws-lambda-destinations";
import { CfnSchedule } from "aws-cdk-lib/aws-scheduler";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import { TABLE } from "../shared/store/key-schema.ts";
import { BridgeFunction, type FunctionDefaults } from "./bridge-function.ts";
import type { DeliveryTable } from "./delivery-table.ts";
import { grantSecrets, type SecretGrant } from "./secret-grants.ts";
import type { WokenQueues } from "./woken-queues.ts";

export interface SweepProps extends FunctionDefaults {
  readonly table: DeliveryTable;
  readonly bus: EventBus;
  readonly failures: Queue;
  /** Has the records that the table did not take. */
  readonly spill: Queue;
  /** Has a message for each batch that the stream gave up on. */
  readonly streamDeadLetters: Queue;
  /** Secrets of the targets that are asked before a label grants an approval. */
  readonly secrets: SecretGrant;
  /** The queues of all kinds of actions. */
  readonly woken: WokenQueues;
}

/** The next sweep runs after a minute and does what this one did not. */
const RETRY = { maximumEventAgeInSeconds: 60, maximumRetryAttempts: 1 };

/** Publishes, every minute, the deliveries that the relay marked and those of the batches that the stream gave up on. */
export class Sweep extends BridgeFunction {
  constructor(scope: Construct, id: string, props: SweepProps) {
    const { table, bus, failures, spill, streamDeadLetters, secrets, woken, ...defaults } = props;
    super(scope, id, {
      ...defaults,
      name: "sweep",
      description: "Publishes the deliveries that the relay could not",
      environment: {
        TABLE_NAME: table.table.tableName,
        BUS_NAME: bus.eventBusName,
        QUEUE_URL: streamDeadLetters.queueUrl,
        SPILL_QUEUE_URL: spill.queueUrl,
        ...woken.environment,
      },
      timeout: Duration.seconds(50),
    });
    this.handler.configureAsyncInvoke({
      retryAttempts: RETRY.maximumRetryAttempts,
      maxEventAge: Duration.seconds(RETRY.maximumEventAgeInSeconds),
      onFailure: new SqsDestination(failures),
    });
    // The scan finds the deliveries of the batches that the stream gave up on. No index has them.
    // A bulk replay reads the timelines of its deliveries, and whoever lists deliveries makes the index of an earlier time.
    table.allow(this.handler, ["GetItem", "PutItem", "UpdateItem", "Query", "Scan"], [TABLE.dueIndex.name]);
    streamDeadLetters.grant(this.handler, "sqs:ReceiveMessage", "sqs:SendMessage", "sqs:DeleteMessage");
    spill.grant(this.handler, "sqs:ReceiveMessage", "sqs:DeleteMessage");
    grantSecrets(this.handler, secrets);
    woken.grantTo(this.handler);
    bus.grantPutEventsTo(this.handler);
    // The scheduler serves every account. It may assume this role only for this account.
    const conditions = { StringEquals: { "aws:SourceAccount": Stack.of(this).account } };
    const assumedBy = new ServicePrincipal("scheduler.amazonaws.com", { conditions });
    const caller = new Role(this, "Caller", { assumedBy });
    caller.addToPolicy(
      new PolicyStatement({ actions: ["lambda:InvokeFunction"], resources: [this.handler.functionArn] }),
    );
    failures.grant(caller, "sqs:SendMessage");
    new CfnSchedule(this, "EveryMinute", {
      description: "Runs the sweep",
      scheduleExpression: "rate(1 minute)",
      flexibleTimeWindow: { mode: "OFF" },
      target: {
        arn: this.handler.functionArn,
        roleArn: caller.roleArn,
        retryPolicy: RETRY,
        deadLetterConfig: { arn: failures.queueArn },
      },
    });
  }
}
