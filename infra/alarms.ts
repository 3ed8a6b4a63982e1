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
import { type ITopic, Topic } from "aws-cdk-lib/aws-sns";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import type { ActionQueue } from "./action-queue.ts";
import type { BridgeFunction } from "./bridge-function.ts";
import type { Ingress } from "./ingress.ts";
import type { ReceivePartner } from "./receive-partner.ts";

export interface WatchedParts {
  readonly ingress: Ingress;
  readonly receive: BridgeFunction;
  readonly relay: BridgeFunction;
  /** Absent where no source is told by partner events. */
  readonly partner: ReceivePartner | undefined;
  readonly failures: Queue;
  /** By kind of action. */
  readonly queues: ReadonlyMap<string, ActionQueue>;
  /** By name. */
  readonly functions: ReadonlyMap<string, BridgeFunction>;
}

export interface AlarmsProps extends WatchedParts {
  /** ARN of the topic that is told. */
  readonly topic: string | undefined;
}

interface Watch {
  /** What is so when the metric is above the limit. */
  readonly when: string;
  /** The chapter of `docs/operations.md` that says what to do. */
  readonly runbook: string;
  readonly metric: IMetric;
  readonly above: number;
  /** Periods in a row. Default 1. */
  readonly periods?: number;
}

const PERIOD = Duration.minutes(5);
/** Requests in a period below which their share of refusals says nothing. */
const FEW_REQUESTS = 20;
/** Seconds; the relay runs within one or two of a record. */
const RELAY_LATE = 60;
/** Seconds; a target that is well answers within this, its first retries included. */
const ACTION_LATE = 900;

/** What on-call is told of, each with the chapter that says what to do. */
export class Alarms extends Construct {
  readonly #topic: ITopic | undefined;

  constructor(scope: Construct, id: string, { topic, ...parts }: AlarmsProps) {
    super(scope, id);
    this.#topic = topic === undefined ? undefined : Topic.fromTopicArn(this, "Topic", topic);
    this.#requests(parts);
    this.#functions(parts);
    this.#queues(parts);
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

  #functions({ functions, relay }: WatchedParts): void {
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
      metric: relay.handler.metric("IteratorAge", { statistic: Stats.MAXIMUM, period: PERIOD }),
      above: RELAY_LATE * 1_000,
    });
  }

  #queues({ partner, failures, queues }: WatchedParts): void {
    const depth = { statistic: Stats.MAXIMUM, period: PERIOD };
    if (partner !== undefined) {
      this.#alarm("PartnerLate", {
        when: `partner events wait more than ${ACTION_LATE / 60} min to be recorded`,
        runbook: "partner-late",
        metric: partner.queue.metricApproximateAgeOfOldestMessage(depth),
        above: ACTION_LATE,
      });
    }
    this.#alarm("NotHandedOn", {
      when: "something between two functions could not be handed on",
      runbook: "not-handed-on",
      metric: failures.metricApproximateNumberOfMessagesVisible(depth),
      above: 0,
    });
    for (const [kind, { queue, deadLetters }] of queues) {
      this.#alarm(`GivenUp-${kind}`, {
        when: `${kind} actions were given up`,
        runbook: "given-up",
        metric: deadLetters.metricApproximateNumberOfMessagesVisible(depth),
        above: 0,
      });
      this.#alarm(`Late-${kind}`, {
        when: `${kind} actions wait more than ${ACTION_LATE / 60} min: a target is down or slow`,
        runbook: "late",
        metric: queue.metricApproximateAgeOfOldestMessage(depth),
        above: ACTION_LATE,
      });
    }
  }

  #alarm(id: string, { when, runbook, metric, above, periods = 1 }: Watch): void {
    const alarm = new Alarm(this, id, {
      alarmDescription: `Drawbridge: ${when}. Runbook: docs/operations.md#alarm-${runbook}`,
      metric,
      threshold: above,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: periods,
      treatMissingData: TreatMissingData.NOT_BREACHING,
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
