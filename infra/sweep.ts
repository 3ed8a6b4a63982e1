import { Duration } from "aws-cdk-lib";
import type { EventBus } from "aws-cdk-lib/aws-events";
import { PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { SqsDestination } from "aws-cdk-lib/aws-lambda-destinations";
import { CfnSchedule } from "aws-cdk-lib/aws-scheduler";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import { TABLE } from "../shared/store/table.ts";
import { BridgeFunction, type FunctionDefaults } from "./bridge-function.ts";
import type { DeliveryTable } from "./delivery-table.ts";

export interface SweepProps extends FunctionDefaults {
  readonly table: DeliveryTable;
  readonly bus: EventBus;
  readonly failures: Queue;
  /** Whether a label may decide something, or an approval be outdated: that is kept before an event is published. */
  readonly heeds: boolean;
}

/** A minute after, the next sweep does what this one did not. */
const RETRY = { maximumEventAgeInSeconds: 60, maximumRetryAttempts: 1 };

/** Every minute publishes what the stream gave up on. */
export class Sweep extends BridgeFunction {
  constructor(scope: Construct, id: string, { table, bus, failures, heeds, ...defaults }: SweepProps) {
    super(scope, id, {
      ...defaults,
      name: "sweep",
      description: "Publishes what the stream gave up on",
      environment: { TABLE_NAME: table.table.tableName, BUS_NAME: bus.eventBusName },
      timeout: Duration.seconds(50),
    });
    this.handler.configureAsyncInvoke({
      retryAttempts: RETRY.maximumRetryAttempts,
      maxEventAge: Duration.seconds(RETRY.maximumEventAgeInSeconds),
      onFailure: new SqsDestination(failures),
    });
    table.allow(this.handler, ["GetItem", "UpdateItem"], [TABLE.dueIndex.name]);
    if (heeds) table.allow(this.handler, ["PutItem"]);
    bus.grantPutEventsTo(this.handler);
    const caller = new Role(this, "Caller", { assumedBy: new ServicePrincipal("scheduler.amazonaws.com") });
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
