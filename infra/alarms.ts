import { Duration } from "aws-cdk-lib";
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  Stats,
  TreatMissingData,
} from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import type { IFunction } from "aws-cdk-lib/aws-lambda";
import { FilterPattern } from "aws-cdk-lib/aws-logs";
import { type ITopic, Topic } from "aws-cdk-lib/aws-sns";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { ACCEPTED_WITHOUT_RUN, EMERGENCY_GRANTS, FAILED_IN_A_ROW } from "../shared/aws/aws-log.ts";
import type { FaultCode } from "../shared/host/fault.ts";
import type { ActionQueue } from "./action-queue.ts";
import type { BridgeFunction } from "./bridge-function.ts";
import type { Ingress } from "./ingress.ts";
import { OwnMetrics } from "./own-metrics.ts";
import type { ReceivePartner } from "./receive-partner.ts";

export interface MonitoredParts {
  readonly ingress: Ingress;
  readonly receive: BridgeFunction;
  readonly relay: BridgeFunction;
  readonly sweep: BridgeFunction;
  /** Undefined if no source receives partner events. */
  readonly partner: ReceivePartner | undefined;
  readonly failures: Queue;
  /** Batches that the table's stream gave up on. */
  readonly streamDeadLetters: Queue;
  /** By kind of action. */
  readonly queues: ReadonlyMap<string, ActionQueue>;
  /** Names of the targets. */
  readonly targets: readonly string[];
  /** Whether a route names emergency roles. */
  readonly hasEmergencyRoles: boolean;
  /** By name. */
  readonly functions: ReadonlyMap<string, BridgeFunction>;
}

export interface AlarmsProps extends MonitoredParts {
  readonly stage: string;
  /** ARN of the SNS topic that is notified. Undefined: none is. */
  readonly topic: string | undefined;
}

interface AlarmSpec {
  /** What is wrong if the metric is above the limit. */
  readonly when: string;
  /** The section of `docs/operations/alarms.md` that says what to do. */
  readonly runbook: string;
  readonly metric: IMetric;
  readonly above: number;
  /** Periods in a row. Default 1. */
  readonly periods?: number;
  /** How a period without a value counts. Default: no alarm. */
  readonly missing?: TreatMissingData;
}

const PERIOD = Duration.minutes(5);
const MAXIMUM = { statistic: Stats.MAXIMUM, period: PERIOD };
/** Requests in a period up to which the share of rejections is not significant. */
const FEW_REQUESTS = 20;
/** Seconds. The relay normally runs one or two seconds after a record is written. */
const RELAY_LATE = 60;
/** Seconds. An action normally starts at once, unless more are due than may run at once. */
const ACTION_LATE = 900;
/** Attempts. The waits between them are less than a minute altogether, and a healthy target answers one of them. */
const FEW_FAILURES = 5;
const UNREADABLE: FaultCode = "record_unreadable";
const WARNING_OR_ERROR = FilterPattern.any(
  FilterPattern.stringValue("$.level", "=", "warn"),
  FilterPattern.stringValue("$.level", "=", "error"),
);

/** The alarms for on-call, each with the section of the documentation that says what to do. */
export class Alarms extends Construct {
  readonly #ownMetrics: OwnMetrics;
  readonly #topic: ITopic | undefined;

  constructor(scope: Construct, id: string, { stage, topic, ...parts }: AlarmsProps) {
    super(scope, id);
    this.#ownMetrics = new OwnMetrics({ stage, period: PERIOD });
    this.#topic = topic === undefined ? undefined : Topic.fromTopicArn(this, "Topic", topic);
    this.#requests(parts);
    this.#functions(parts);
    this.#failureQueues(parts);
    this.#actions(parts);
    this.#approvals(parts);
  }

  #requests({ ingress: { metrics } }: MonitoredParts): void {
    const { requests, rejected, failed } = metrics;
    this.#alarm("Failing", {
      when: "requests are answered with 5xx, so senders must retry",
      runbook: "failing",
      metric: failed.with({ period: PERIOD, statistic: Stats.SUM }),
      above: 4,
    });
    this.#alarm("Refusing", {
      when: "more than half of the requests are rejected: a secret or a token is wrong, or an unknown sender calls",
      runbook: "refusing",
      metric: new MathExpression({
        expression: `IF(requests > ${FEW_REQUESTS}, 100 * rejected / requests, 0)`,
        label: "rejected, %",
        usingMetrics: {
          requests: requests.with({ statistic: Stats.SUM }),
          rejected: rejected.with({ statistic: Stats.SUM }),
        },
        period: PERIOD,
      }),
      above: 50,
      periods: 3,
    });
  }

  #functions({ functions, relay, partner }: MonitoredParts): void {
    this.#alarm("Throttled", {
      when: "a function is throttled: the concurrency of the account or of a reservation is too low",
      runbook: "throttled",
      metric: sumOf(functions, (one) => one.metricThrottles()),
      above: 0,
      periods: 2,
    });
    this.#alarm("Crashing", {
      when: "a function ends with an unhandled error or reaches its timeout",
      runbook: "crashing",
      metric: sumOf(functions, (one) => one.metricErrors()),
      above: 0,
      periods: 3,
    });
    this.#alarm("LoopStopped", {
      when: "Lambda took a function for a loop and dropped a call: what waits in its queue does not go on",
      runbook: "loop-stopped",
      metric: sumOf(functions, (one) => one.metric("RecursiveInvocationsDropped", { statistic: Stats.SUM })),
      above: 0,
    });
    this.#alarm("RelayLate", {
      when: `deliveries wait more than ${RELAY_LATE} s for the relay`,
      runbook: "relay-late",
      metric: relay.handler.metric("IteratorAge", MAXIMUM),
      above: RELAY_LATE * 1_000,
    });
    if (partner === undefined) return;
    this.#alarm("PartnerFailing", {
      when: "partner events are not recorded, although they are retried every minute",
      runbook: "partner-failing",
      metric: this.#ownMetrics.countLines("partnerFailures", partner, WARNING_OR_ERROR),
      above: 0,
      periods: 3,
    });
  }

  /** What is stuck between two functions: either the sweep continues it, or a person must look at it. */
  #failureQueues({ failures, streamDeadLetters, sweep }: MonitoredParts): void {
    this.#alarm("FailureQueue", {
      when: "an event or a call could not be passed from one function to the next",
      runbook: "failure-queue",
      metric: failures.metricApproximateNumberOfMessagesVisible(MAXIMUM),
      above: 0,
    });
    this.#alarm("StreamDeadLetters", {
      when: "the sweep does not requeue the batches that the stream gave up on",
      runbook: "stream-dead-letters",
      metric: new MathExpression({
        expression: "visible + hidden",
        usingMetrics: {
          visible: streamDeadLetters.metricApproximateNumberOfMessagesVisible(MAXIMUM),
          hidden: streamDeadLetters.metricApproximateNumberOfMessagesNotVisible(MAXIMUM),
        },
        period: PERIOD,
      }),
      above: 0,
      periods: 3,
    });
    this.#alarm("Unreadable", {
      when: "a recorded delivery cannot be read and is not published",
      runbook: "unreadable",
      metric: this.#ownMetrics.countLines("unreadable", sweep, FilterPattern.stringValue("$.error", "=", UNREADABLE)),
      above: 0,
    });
  }

  #actions({ targets, queues }: MonitoredParts): void {
    this.#alarm("AcceptedWithoutRun", {
      when: "a target accepted a request, and no run was reported",
      runbook: "accepted-without-run",
      metric: this.#ownMetrics.maximum(ACCEPTED_WITHOUT_RUN, {}),
      above: 0,
    });
    for (const target of targets) {
      this.#alarm(`Broken-${target}`, {
        when: `attempts at target ${target} have failed more than ${FEW_FAILURES} times in a row`,
        runbook: "target-broken",
        metric: this.#ownMetrics.maximum(FAILED_IN_A_ROW, { target }),
        above: FEW_FAILURES,
        // With backoff, attempts become rare. The alarm stays until an attempt succeeds.
        missing: TreatMissingData.IGNORE,
      });
    }
    for (const [kind, { queue, deadLetters }] of queues) {
      this.#alarm(`GivenUp-${kind}`, {
        when: `${kind} actions failed for good and are in the dead-letter queue`,
        runbook: "given-up",
        metric: deadLetters.metricApproximateNumberOfMessagesVisible(MAXIMUM),
        above: 0,
      });
      // Messages that were received three times do not count, so a failing target does not raise this alarm
      // (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html).
      this.#alarm(`Late-${kind}`, {
        when: `${kind} actions start more than ${ACTION_LATE / 60} min late: more are due than may run at once`,
        runbook: "late",
        metric: queue.metricApproximateAgeOfOldestMessage(MAXIMUM),
        above: ACTION_LATE,
      });
    }
  }

  #approvals({ hasEmergencyRoles }: MonitoredParts): void {
    if (!hasEmergencyRoles) return;
    this.#alarm("EmergencyGrant", {
      when: "somebody granted a run in an emergency, alone or outside the windows",
      runbook: "emergency-grant",
      metric: this.#ownMetrics.sum(EMERGENCY_GRANTS),
      above: 0,
    });
  }

  #alarm(id: string, { when, runbook, metric, above, periods = 1, missing }: AlarmSpec): void {
    const alarm = new Alarm(this, id, {
      alarmDescription: `Drawbridge: ${when}. Runbook: docs/operations/alarms.md#alarm-${runbook}`,
      metric,
      threshold: above,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: periods,
      treatMissingData: missing ?? TreatMissingData.NOT_BREACHING,
    });
    if (this.#topic === undefined) return;
    alarm.addAlarmAction(new SnsAction(this.#topic));
    alarm.addOkAction(new SnsAction(this.#topic));
  }
}

function sumOf(functions: MonitoredParts["functions"], metricOf: (one: IFunction) => IMetric): MathExpression {
  const metrics = [...functions.values()].map(({ handler }, at) => [`f${at}`, metricOf(handler)] as const);
  return new MathExpression({
    expression: metrics.map(([name]) => name).join(" + "),
    usingMetrics: Object.fromEntries(metrics),
    period: PERIOD,
  });
}
