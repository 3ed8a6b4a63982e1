import { Duration, Stack } from "aws-cdk-lib";
import type { EventBus } from "aws-cdk-lib/aws-events";
import { PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { SqsDestination } from "aws-cdk-lib/aws-lambda-destinations";
import { CfnSchedule } from "aws-cdk-lib/aws-scheduler";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import { TABLE } from "../shared/store/dynamodb/key-schema.ts";
import { BridgeFunction, type FunctionDefaults } from "./bridge-function.ts";
import type { DeliveryTable } from "./delivery-table.ts";

export interface SweepProps extends FunctionDefaults {
  readonly table: DeliveryTable;
  readonly bus: EventBus;
  readonly failures: Queue;
  /** Told what the stream gave up on. */
  readonly unrelayed: Queue;
  /** Whether a label may decide something, or an approval be outdated: that is kept before an event is published. */
  readonly executesCommands: boolean;
}

/** A minute after, the next sweep does what this one did not. */
const RETRY = { maximumEventAgeInSeconds: 60, maximumRetryAttempts: 1 };

/** Every minute publishes what the relay marked and what the stream gave up on. */
export class Sweep extends BridgeFunction {
  constructor(scope: Construct, id: string, props: SweepProps) {
    const { table, bus, failures, unrelayed, executesCommands, ...defaults } = props;
    super(scope, id, {
      ...defaults,
      name: "sweep",
      description: "Publishes what the relay could not",
      environment: {
        TABLE_NAME: table.table.tableName,
        BUS_NAME: bus.eventBusName,
        QUEUE_URL: unrelayed.queueUrl,
      },
      timeout: Duration.seconds(50),
    });
    this.handler.configureAsyncInvoke({
      retryAttempts: RETRY.maximumRetryAttempts,
      maxEventAge: Duration.seconds(RETRY.maximumEventAgeInSeconds),
      onFailure: new SqsDestination(failures),
    });
    table.allow(this.handler, ["GetItem", "UpdateItem"], [TABLE.dueIndex.name, TABLE.dayIndex.name]);
    unrelayed.grant(this.handler, "sqs:ReceiveMessage", "sqs:SendMessage", "sqs:DeleteMessage");
    if (executesCommands) table.allow(this.handler, ["PutItem"]);
    bus.grantPutEventsTo(this.handler);
    // The service acts for every account; only for this one may it be this role.
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
