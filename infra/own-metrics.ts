import type { Duration } from "aws-cdk-lib";
import { Metric, Stats } from "aws-cdk-lib/aws-cloudwatch";
import { FilterPattern, type IFilterPattern } from "aws-cdk-lib/aws-logs";
import { NAMESPACE } from "../shared/aws/aws-log.ts";
import type { BridgeFunction } from "./bridge-function.ts";

export interface OwnMetricsProps {
  readonly stage: string;
  readonly period: Duration;
}

/** The metrics of one installation that come from its functions' log lines. */
export class OwnMetrics {
  readonly #props: OwnMetricsProps;

  constructor(props: OwnMetricsProps) {
    this.#props = props;
  }

  /** The maximum of a metric that log lines carry, per period. */
  maximum(metricName: string, by: Readonly<Record<string, string>>): Metric {
    return this.#metric(metricName, Stats.MAXIMUM, by);
  }

  /** The sum of a metric that log lines carry, per period. */
  sum(metricName: string, by: Readonly<Record<string, string>>): Metric {
    return this.#metric(metricName, Stats.SUM, by);
  }

  /** The maximum of a field in the log lines of a function, per period. The metric has the name of the field. */
  maximumInLines(field: string, { log }: BridgeFunction): Metric {
    log.addMetricFilter(field, {
      filterPattern: FilterPattern.exists(`$.${field}`),
      metricNamespace: NAMESPACE,
      metricName: field,
      metricValue: `$.${field}`,
      dimensions: { stage: "$.stage" },
    });
    return this.#metric(field, Stats.MAXIMUM, {});
  }

  /** The number of log lines of a function that match, per period. */
  countLines(metricName: string, { log }: BridgeFunction, filterPattern: IFilterPattern): Metric {
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
