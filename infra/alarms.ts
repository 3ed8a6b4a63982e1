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
import { FAILED_IN_A_ROW } from "../shared/aws/aws-log.ts";
import type { FaultCode } from "../shared/host/fault.ts";
import type { ActionQueue } from "./action-queue.ts";
import type { BridgeFunction } from "./bridge-function.ts";
import type { Ingress } from "./ingress.ts";
import { OwnMetrics } from "./own-metrics.ts";
import type { ReceivePartner } from "./receive-partner.ts";

export interface WatchedParts {
  readonly ingress: Ingress;
  readonly receive: BridgeFunction;
  readonly relay: BridgeFunction;
  readonly sweep: BridgeFunction;
  /** Absent where no source is told by partner events. */
  readonly partner: ReceivePartner | undefined;
  readonly failures: Queue;
  /** What the stream gave up on. */
  readonly unrelayed: Queue;
  /** By kind of action. */
  readonly queues: ReadonlyMap<string, ActionQueue>;
  /** Names of the targets. */
  readonly targets: readonly string[];
  /** By name. */
  readonly functions: ReadonlyMap<string, BridgeFunction>;
}

export interface AlarmsProps extends WatchedParts {
  readonly stage: string;
  /** ARN of the topic that is told. */
  readonly topic: string | undefined;
}

interface Watch {
  /** What is so when the metric is above the limit. */
  readonly when: string;
  /** The section of `docs/operations/alarms.md` that says what to do. */
  readonly runbook: string;
  readonly metric: IMetric;
  readonly above: number;
  /** Periods in a row. Default 1. */
  readonly periods?: number;
  /** What a period without a value says. Default: all is well. */
  readonly missing?: TreatMissingData;
}

const PERIOD = Duration.minutes(5);
const MOST = { statistic: Stats.MAXIMUM, period: PERIOD };
/** Requests in a period below which their share of refusals says nothing. */
const FEW_REQUESTS = 20;
/** Seconds; the relay runs within one or two of a record. */
const RELAY_LATE = 60;
/** Seconds; an action is begun within moments, unless there are more than may run at once. */
const ACTION_LATE = 900;
/** Attempts, the waits between them less than a minute in all: a target that is well has answered one of them. */
const FEW_FAILURES = 5;
const UNREADABLE: FaultCode = "record_unreadable";
const TROUBLED = FilterPattern.any(
  ...["warn", "error"].map((level) => FilterPattern.stringValue("$.level", "=", level)),
);

/** What on-call is told of, each with the chapter that says what to do. */
export class Alarms extends Construct {
  readonly #own: OwnMetrics;
  readonly #topic: ITopic | undefined;

  constructor(scope: Construct, id: string, { stage, topic, ...parts }: AlarmsProps) {
    super(scope, id);
    this.#own = new OwnMetrics({ stage, period: PERIOD });
    this.#topic = topic === undefined ? undefined : Topic.fromTopicArn(this, "Topic", topic);
    this.#requests(parts);
    this.#functions(parts);
    this.#handedOn(parts);
    this.#actions(parts);
  }

  #requests({ ingress: { metrics } }: WatchedParts): void {
    const { requests, refused, failed } = metrics;
    this.#alarm("Failing", {
      when: "requests are answered 5xx: senders are told to try again",
      runbook: "failing",
      metric: failed.with({ period: PERIOD, statistic: Stats.SUM }),
      above: 4,
    });
    this.#alarm("Refusing", {
      when: "more than half of the requests are refused: a secret, a token or somebody is wrong",
      runbook: "refusing",
      metric: new MathExpression({
        expression: `IF(requests > ${FEW_REQUESTS}, 100 * refused / requests, 0)`,
        label: "refused, %",
        usingMetrics: {
          requests: requests.with({ statistic: Stats.SUM }),
          refused: refused.with({ statistic: Stats.SUM }),
        },
        period: PERIOD,
      }),
      above: 50,
      periods: 3,
    });
  }

  #functions({ functions, relay, partner }: WatchedParts): void {
    this.#alarm("Throttled", {
      when: "a function is throttled: the account or a reservation has too little concurrency",
      runbook: "throttled",
      metric: sumOf(functions, (one) => one.metricThrottles()),
      above: 0,
      periods: 2,
    });
    this.#alarm("Crashing", {
      when: "a function ends with an error that it should have handled, or runs out of time",
      runbook: "crashing",
      metric: sumOf(functions, (one) => one.metricErrors()),
      above: 0,
      periods: 3,
    });
    this.#alarm("RelayLate", {
      when: `deliveries wait more than ${RELAY_LATE} s for the relay`,
      runbook: "relay-late",
      metric: relay.handler.metric("IteratorAge", MOST),
      above: RELAY_LATE * 1_000,
    });
    if (partner === undefined) return;
    this.#alarm("PartnerFailing", {
      when: "partner events are not recorded, although they come again each minute",
      runbook: "partner-failing",
      metric: this.#own.lines("partnerFailures", partner, TROUBLED),
      above: 0,
      periods: 3,
    });
  }

  /** What waits between two functions: it is to go on by itself, or a person has to look at it. */
  #handedOn({ failures, unrelayed, sweep }: WatchedParts): void {
    this.#alarm("NotHandedOn", {
      when: "something between two functions could not be handed on",
      runbook: "not-handed-on",
      metric: failures.metricApproximateNumberOfMessagesVisible(MOST),
      above: 0,
    });
    this.#alarm("NotTakenUp", {
      when: "what the stream gave up on is not taken up by the sweep",
      runbook: "not-taken-up",
      metric: new MathExpression({
        expression: "visible + hidden",
        usingMetrics: {
          visible: unrelayed.metricApproximateNumberOfMessagesVisible(MOST),
          hidden: unrelayed.metricApproximateNumberOfMessagesNotVisible(MOST),
        },
        period: PERIOD,
      }),
      above: 0,
      periods: 3,
    });
    this.#alarm("Unreadable", {
      when: "a recorded delivery cannot be read, so it is not published",
      runbook: "unreadable",
      metric: this.#own.lines("unreadable", sweep, FilterPattern.stringValue("$.error", "=", UNREADABLE)),
      above: 0,
    });
  }

  #actions({ targets, queues }: WatchedParts): void {
    for (const target of targets) {
      this.#alarm(`Broken-${target}`, {
        when: `an action on target ${target} has failed more than ${FEW_FAILURES} times in a row`,
        runbook: "target-broken",
        metric: this.#own.most(FAILED_IN_A_ROW, { target }),
        above: FEW_FAILURES,
        // Attempts become rare: the next that is done says that the target is well again.
        missing: TreatMissingData.IGNORE,
      });
    }
    for (const [kind, { queue, deadLetters }] of queues) {
      this.#alarm(`GivenUp-${kind}`, {
        when: `${kind} actions were given up`,
        runbook: "given-up",
        metric: deadLetters.metricApproximateNumberOfMessagesVisible(MOST),
        above: 0,
      });
      // What was received three times does not count, so this sees no target that fails
      // (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html).
      this.#alarm(`Late-${kind}`, {
        when: `${kind} actions wait more than ${ACTION_LATE / 60} min to be begun: more come than may run at once`,
        runbook: "late",
        metric: queue.metricApproximateAgeOfOldestMessage(MOST),
        above: ACTION_LATE,
      });
    }
  }

  #alarm(id: string, { when, runbook, metric, above, periods = 1, missing }: Watch): void {
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

function sumOf(functions: WatchedParts["functions"], metricOf: (one: IFunction) => IMetric): MathExpression {
  const metrics = [...functions.values()].map(({ handler }, at) => [`f${at}`, metricOf(handler)] as const);
  return new MathExpression({
    expression: metrics.map(([name]) => name).join(" + "),
    usingMetrics: Object.fromEntries(metrics),
    period: PERIOD,
  });
}
