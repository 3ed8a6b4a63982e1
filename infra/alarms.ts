import { Duration } from "aws-cdk-lib";
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  Metric,
  Stats,
  TreatMissingData,
} from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import type { IFunction } from "aws-cdk-lib/aws-lambda";
import { FilterPattern } from "aws-cdk-lib/aws-logs";
import { type ITopic, Topic } from "aws-cdk-lib/aws-sns";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { ACCEPTED_WITHOUT_RUN, EMERGENCY_GRANTS, FAILED_IN_A_ROW, REQUESTS } from "../shared/aws/aws-log.ts";
import type { FaultCode } from "../shared/host/fault.ts";
import { TABLE } from "../shared/store/key-schema.ts";
import type { ActionQueue } from "./action-queue.ts";
import type { BridgeFunction } from "./bridge-function.ts";
import type { BridgeBus } from "./event-bus.ts";
import type { Ingress } from "./ingress.ts";
import { OwnMetrics } from "./own-metrics.ts";
import type { ReceivePartner } from "./receive-partner.ts";
import type { Relay } from "./relay.ts";

export interface MonitoredParts {
  readonly ingress: Ingress;
  readonly receive: BridgeFunction;
  readonly relay: Relay;
  readonly sweep: BridgeFunction;
  /** Name of the table. */
  readonly tableName: string;
  readonly bus: BridgeBus;
  /** Undefined if no source receives partner events. */
  readonly partner: ReceivePartner | undefined;
  readonly failures: Queue;
  /** The records of deliveries that the table did not take. */
  readonly spill: Queue;
  /** Batches that the table's stream gave up on. */
  readonly streamDeadLetters: Queue;
  /** By kind of action. */
  readonly queues: ReadonlyMap<string, ActionQueue>;
  /** Names of the sources, and of the bridge's own to which CI jobs report. */
  readonly sources: readonly string[];
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
  /** The page in `docs/operations/` that has the section below. Default `alarms`. */
  readonly page?: "alarms" | "alarms-of-aws";
  /** The section that says what to do. */
  readonly runbook: string;
  readonly metric: IMetric;
  readonly above: number;
  /** Number of periods that are looked at. Default 1. */
  readonly periods?: number;
  /** Number of those periods that must be above the limit. Default: all. */
  readonly of?: number;
  /** How a period without a value counts. Default: no alarm. */
  readonly missing?: TreatMissingData;
}

const PERIOD = Duration.minutes(5);
const MAXIMUM = { statistic: Stats.MAXIMUM, period: PERIOD };
/** Failed requests in a period up to which their share is not significant. */
const FEW_FAILED = 4;
/** Percent of the requests. At a thousand a second, a single failed call is no reason to wake somebody. */
const FAILED_SHARE = 0.1;
/** Rejected requests in a period up to which their share is not significant. */
const FEW_REJECTED = 20;
/** Seconds. What one sweep could not publish, the sweeps of the next minutes usually can. */
const UNRELAYED_LONG = 300;
/** CloudWatch evaluates at most ten metrics and expressions in an alarm. */
const METRICS_OF_AN_ALARM = 9;
/** Seconds. The relay normally runs one or two seconds after a record is written. */
const RELAY_LATE = 60;
/** Seconds. An action normally starts at once, unless more are due than may run at once. */
const ACTION_LATE = 900;
/** Attempts. The waits between them are less than a minute altogether, and a healthy target answers one of them. */
const FEW_FAILURES = 5;
const UNREADABLE: FaultCode = "record_unreadable";
/** Of `wakeDue`. */
const UNSENT = ["a waiting action's message is not sent", "waiting actions cannot be read"].map((message) =>
  FilterPattern.stringValue("$.message", "=", message),
);
const BUS_UNAVAILABLE: FaultCode = "bus_unavailable";
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
    this.#relaying(parts);
    this.#services(parts);
    this.#failureQueues(parts);
    this.#actions(parts);
    this.#approvals(parts);
  }

  #requests({ ingress: { metrics }, sources }: MonitoredParts): void {
    const { requests, failed } = metrics;
    this.#alarm("Failing", {
      when: `more than ${FAILED_SHARE}% of the requests are answered with 5xx, which few senders repeat`,
      runbook: "failing",
      metric: math(`IF(failed > ${FEW_FAILED}, 100 * failed / requests, 0)`, {
        failed: failed.with({ statistic: Stats.SUM }),
        requests: requests.with({ statistic: Stats.SUM }),
      }),
      above: FAILED_SHARE,
    });
    for (const source of sources) {
      const count = (outcome: string) => this.#ownMetrics.sum(REQUESTS, { source, outcome });
      const answered = ["accepted", "duplicate", "ignored", "unusable"];
      this.#alarm(`Refusing-${source}`, {
        when: `most requests to ${source} are rejected: a secret or a token is wrong, or an unknown sender calls`,
        runbook: "refusing",
        metric: math(`IF(FILL(refused, 0) > ${FEW_REJECTED} AND FILL(refused, 0) > ${sumFilled(answered)}, 1, 0)`, {
          refused: count("refused"),
          ...Object.fromEntries(answered.map((outcome) => [outcome, count(outcome)])),
        }),
        above: 0,
        periods: 3,
      });
    }
  }

  #functions({ functions, partner }: MonitoredParts): void {
    this.#alarm("Throttled", {
      when: "a function is throttled: the concurrency of the account or of a reservation is too low",
      runbook: "throttled",
      metric: sumOf(handlersOf(functions).map((one) => one.metricThrottles())),
      above: 0,
      periods: 2,
    });
    this.#alarm("Crashing", {
      when: "a function ends with an unhandled error or reaches its timeout",
      runbook: "crashing",
      metric: sumOf(handlersOf(functions).map((one) => one.metricErrors())),
      above: 0,
      periods: 3,
    });
    this.#alarm("LoopStopped", {
      when: "Lambda took a function for a loop and dropped a call: what waits in its queue does not go on",
      runbook: "loop-stopped",
      metric: sumOf(
        handlersOf(functions).map((one) => one.metric("RecursiveInvocationsDropped", { statistic: Stats.SUM })),
      ),
      above: 0,
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

  /** The path from a record to the bus. */
  #relaying({ receive, relay, sweep, bus }: MonitoredParts): void {
    this.#alarm("RelayLate", {
      when: `deliveries wait more than ${RELAY_LATE} s for the relay`,
      runbook: "relay-late",
      metric: relay.handler.metric("IteratorAge", MAXIMUM),
      above: RELAY_LATE * 1_000,
    });
    this.#alarm("RelaySilent", {
      when: "deliveries are recorded, and the stream passes few of them or none to the relay",
      runbook: "relay-silent",
      // IteratorAge has no value while Lambda does not call the relay.
      metric: math("IF(FILL(polled, 0) - FILL(filtered, 0) < FILL(accepted, 0) / 2, 1, 0)", {
        polled: relay.countOf("PolledEventCount"),
        filtered: relay.countOf("FilteredOutEventCount"),
        accepted: this.#ownMetrics.countLines(
          "accepted",
          receive,
          FilterPattern.stringValue("$.status", "=", "accepted"),
        ),
      }),
      above: 0,
      // A delivery at the end of a period is relayed in the next one, so one period proves nothing. A source that sends
      // once in a quarter of an hour is found within the hour.
      periods: 12,
      of: 2,
    });
    this.#alarm("StreamDropped", {
      when: "the stream gave up on deliveries after half a day",
      runbook: "stream-dropped",
      metric: relay.countOf("DroppedEventCount"),
      above: 0,
    });
    this.#alarm("NotRelayed", {
      when: `a delivery that the bus refused has waited more than ${UNRELAYED_LONG} s`,
      runbook: "not-relayed",
      metric: this.#ownMetrics.maximumInLines("unrelayedMs", sweep),
      above: UNRELAYED_LONG * 1_000,
    });
    this.#alarm("BusDown", {
      when: "the bus takes nothing from the relay",
      runbook: "bus-down",
      // EventBridge counts a call that it denies in no metric.
      metric: this.#ownMetrics.countLines("busDown", relay, FilterPattern.stringValue("$.error", "=", BUS_UNAVAILABLE)),
      above: 0,
      periods: 2,
    });
    this.#alarm("PutEventsFailing", {
      when: "EventBridge refuses events, or throttles those who publish them",
      page: "alarms-of-aws",
      runbook: "put-events-failing",
      // These metrics have no dimension: they are of the account and region.
      metric: math("FILL(failed, 0) + FILL(throttled, 0)", {
        failed: eventBridge("PutEventsFailedEntriesCount"),
        throttled: eventBridge("PutEventsApproximateThrottledCount"),
      }),
      above: 0,
      periods: 2,
    });
    for (const [at, rules] of groupsOf(bus.ruleNames(), METRICS_OF_AN_ALARM).entries())
      this.#alarm(`RulesLosing-${at + 1}`, {
        when: "an event reached no action queue, and not the failure queue either",
        page: "alarms-of-aws",
        runbook: "rules-losing",
        metric: sumOf(
          rules.map((rule) =>
            eventBridge("InvocationsFailedToBeSentToDlq", {
              EventBusName: bus.bus.eventBusName,
              RuleName: rule,
            }),
          ),
        ),
        above: 0,
      });
  }

  /** What the functions need of other services. */
  #services({ tableName, relay, sweep }: MonitoredParts): void {
    const throttles = (GlobalSecondaryIndexName?: string) =>
      ["ReadThrottleEvents", "WriteThrottleEvents"].map(
        (metricName) =>
          new Metric({
            namespace: "AWS/DynamoDB",
            metricName,
            dimensionsMap: { TableName: tableName, ...(GlobalSecondaryIndexName && { GlobalSecondaryIndexName }) },
            statistic: Stats.SUM,
          }),
      );
    this.#alarm("TableThrottled", {
      when: "DynamoDB throttles the table or one of its indexes",
      page: "alarms-of-aws",
      runbook: "table-throttled",
      metric: sumOf([throttles(), throttles(TABLE.dueIndex.name), throttles(TABLE.stateIndex.name)].flat()),
      above: 0,
      periods: 2,
    });
    this.#alarm("SweepSilent", {
      when: "the sweep has not run for ten minutes",
      page: "alarms-of-aws",
      runbook: "sweep-silent",
      metric: math("IF(FILL(calls, 0) == 0, 1, 0)", {
        calls: sweep.handler.metricInvocations({ statistic: Stats.SUM }),
      }),
      above: 0,
      periods: 2,
      missing: TreatMissingData.BREACHING,
    });
    this.#alarm("DeadLettersLost", {
      when: "Lambda could not send to a failure queue what it gave up on, or dropped a call",
      page: "alarms-of-aws",
      runbook: "dead-letters-lost",
      metric: sumOf([
        relay.handler.metric("DestinationDeliveryFailures", { statistic: Stats.SUM }),
        sweep.handler.metric("DestinationDeliveryFailures", { statistic: Stats.SUM }),
        sweep.handler.metric("AsyncEventsDropped", { statistic: Stats.SUM }),
      ]),
      above: 0,
    });
  }

  /** What is stuck between two functions: either the sweep continues it, or a person must look at it. */
  #failureQueues({ failures, spill, streamDeadLetters, sweep }: MonitoredParts): void {
    this.#alarm("Spilled", {
      when: "deliveries could not be recorded, and wait in the queue of spilled records",
      page: "alarms-of-aws",
      runbook: "spilled",
      metric: math("FILL(sent, 0) + FILL(visible, 0) + FILL(hidden, 0)", {
        sent: spill.metricNumberOfMessagesSent({ statistic: Stats.SUM }),
        ...messagesIn(spill),
      }),
      above: 0,
    });
    this.#alarm("FailureQueue", {
      when: "an event or a call could not be passed from one function to the next",
      runbook: "failure-queue",
      metric: arrivalsAt(failures),
      above: 0,
    });
    this.#alarm("StreamDeadLetters", {
      when: "the sweep does not requeue the batches that the stream gave up on",
      runbook: "stream-dead-letters",
      metric: math("visible + hidden", messagesIn(streamDeadLetters)),
      above: 0,
      periods: 3,
    });
    this.#alarm("Unsent", {
      when: "the sweep cannot send the messages of waiting actions that are due",
      page: "alarms-of-aws",
      runbook: "unsent",
      metric: this.#ownMetrics.countLines("unsent", sweep, FilterPattern.any(...UNSENT)),
      above: 0,
      periods: 2,
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
        metric: arrivalsAt(deadLetters),
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
      metric: this.#ownMetrics.sum(EMERGENCY_GRANTS, {}),
      above: 0,
    });
  }

  #alarm(id: string, { when, page = "alarms", runbook, metric, above, periods = 1, of, missing }: AlarmSpec): void {
    const alarm = new Alarm(this, id, {
      alarmDescription: `Drawbridge: ${when}. Runbook: docs/operations/${page}.md#alarm-${runbook}`,
      metric,
      threshold: above,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: periods,
      ...(of !== undefined && { datapointsToAlarm: of }),
      treatMissingData: missing ?? TreatMissingData.NOT_BREACHING,
    });
    if (this.#topic === undefined) return;
    alarm.addAlarmAction(new SnsAction(this.#topic));
    alarm.addOkAction(new SnsAction(this.#topic));
  }
}

const math = (expression: string, usingMetrics: Record<string, IMetric>): MathExpression =>
  new MathExpression({ expression, usingMetrics, period: PERIOD });

/** Metric math takes a missing value as 0 if another metric has one. */
const sumOf = (metrics: readonly IMetric[]): MathExpression =>
  math(
    metrics.map((_, at) => `m${at}`).join(" + "),
    Object.fromEntries(metrics.map((metric, at) => [`m${at}`, metric])),
  );

const sumFilled = (names: readonly string[]): string => names.map((name) => `FILL(${name}, 0)`).join(" + ");

const handlersOf = (functions: MonitoredParts["functions"]): readonly IFunction[] =>
  [...functions.values()].map(({ handler }) => handler);

const messagesIn = (queue: Queue) => ({
  visible: queue.metricApproximateNumberOfMessagesVisible(MAXIMUM),
  hidden: queue.metricApproximateNumberOfMessagesNotVisible(MAXIMUM),
});

/**
 * 1 in a period in which a message came into a queue that nothing reads, also while older ones are there. SQS counts what a
 * redrive policy moves in no metric of sent messages, so the number of messages is compared as well: that of the hidden
 * ones too, because a look at a message hides it for a while.
 */
const arrivalsAt = (queue: Queue): MathExpression =>
  math("IF(FILL(sent, 0) > 0 OR DIFF(FILL(visible, 0) + FILL(hidden, 0)) > 0, 1, 0)", {
    sent: queue.metricNumberOfMessagesSent({ statistic: Stats.SUM }),
    ...messagesIn(queue),
  });

const eventBridge = (metricName: string, dimensionsMap: Record<string, string> = {}): Metric =>
  new Metric({ namespace: "AWS/Events", metricName, dimensionsMap, statistic: Stats.SUM });

const groupsOf = <T>(all: readonly T[], size: number): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, at) => all.slice(at * size, (at + 1) * size));
