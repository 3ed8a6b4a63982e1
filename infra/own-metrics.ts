import type { Duration } from "aws-cdk-lib";
import { Metric, Stats } from "aws-cdk-lib/aws-cloudwatch";
import type { IFilterPattern } from "aws-cdk-lib/aws-logs";
import { NAMESPACE } from "../shared/aws/aws-log.ts";
import type { BridgeFunction } from "./bridge-function.ts";

export interface OwnMetricsProps {
  readonly stage: string;
  readonly period: Duration;
}

/** The metrics of one installation that are made of its functions' lines. */
export class OwnMetrics {
  readonly #props: OwnMetricsProps;

  constructor(props: OwnMetricsProps) {
    this.#props = props;
  }

  /** The most that any line told in a period. */
  most(metricName: string, by: Readonly<Record<string, string>>): Metric {
    return this.#metric(metricName, Stats.MAXIMUM, by);
  }

  /** How many lines of a function's log are such. */
  lines(metricName: string, { log }: BridgeFunction, filterPattern: IFilterPattern): Metric {
    log.addMetricFilter(metricName, {
      filterPattern,
      metricNamespace: NAMESPACE,
      metricName,
      metricValue: "1",
      dimensions: { stage: "$.stage" },
    });
    return this.#metric(metricName, Stats.SUM, {});
  }

  #metric(metricName: string, statistic: string, by: Readonly<Record<string, string>>): Metric {
    const { stage, period } = this.#props;
    return new Metric({ namespace: NAMESPACE, metricName, dimensionsMap: { stage, ...by }, statistic, period });
  }
}
