import { type Clock, toIso } from "../host/clock.ts";
import type { Environment } from "../host/environment.ts";
import { jsonLog, type Log } from "../host/log.ts";
import { LOG_METRICS, type LogMetric, labelText, type Measurement, metricsOf } from "../host/metrics.ts";
import { setting } from "./settings.ts";

/** CloudWatch namespace of the metrics in the log lines. */
export const NAMESPACE = "Drawbridge";
/** Metric of a request. */
export const REQUESTS = "requests" satisfies LogMetric;
/** Metric of an accepted request whose run was not reported. */
export const ACCEPTED_WITHOUT_RUN = "acceptedWithoutRun" satisfies LogMetric;
/**
 * Metric of an attempt: how many attempts of its action have failed in a row. 0 if the attempt succeeded. Also of a line
 * about a circuit breaker: how many attempts at its target have failed in a row.
 */
export const FAILED_IN_A_ROW = "failedInARow" satisfies LogMetric;
/** Metric of an emergency grant. */
export const EMERGENCY_GRANTS = "emergencyGrants" satisfies LogMetric;

/**
 * The log of a function: JSON lines for CloudWatch, with the service, the stage and the id of the X-Ray trace. The line
 * about the end of a request or an attempt is also its metric, and so are a few others: `host/metrics.ts` defines them.
 */
export function awsLog(service: string, environment: Environment, clock: Clock): Log {
  const stage = setting(environment, "STAGE");
  return jsonLog(
    // Lambda logs each line unchanged. `console` would add a prefix, and no query would find the fields.
    (line) => process.stdout.write(line),
    () => toIso(clock.now()),
    (fields) => ({ service, stage, xray_trace_id: xrayTraceIn(environment), ...embedded(metricsOf(fields), clock) }),
  );
}

/**
 * The id by which CloudWatch finds the log lines of a trace. Lambda sets the variable for each call.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
 */
const xrayTraceIn = ({ _X_AMZN_TRACE_ID: header }: Environment): string | undefined =>
  /(?:^|;)Root=([^;]+)/.exec(header ?? "")?.[1];

/**
 * CloudWatch's embedded metric format: fields of the line that are declared as dimensions and as values.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
function embedded(metrics: readonly Measurement[], clock: Clock): object {
  if (metrics.length === 0) return {};
  const dimensions = metrics.flatMap(({ labels }) => Object.entries(labels));
  return {
    ...Object.fromEntries(dimensions.map(([dimension, value]) => [dimension, labelText(value)])),
    ...Object.fromEntries(metrics.map(({ name, value }) => [name, value])),
    _aws: {
      Timestamp: clock.now(),
      CloudWatchMetrics: metrics.map(({ name, labels }) => ({
        Namespace: NAMESPACE,
        Dimensions: dimensionsOf(name, labels),
        Metrics: [{ Name: name, Unit: LOG_METRICS[name].type === "histogram" ? "Seconds" : "Count" }],
      })),
    },
  };
}

/**
 * The sets of dimensions under which a value is found. Requests are also counted without their reason, for the alarm of each
 * source: an alarm cannot add up the metrics of reasons that it does not know.
 */
function dimensionsOf(name: LogMetric, labels: Measurement["labels"]): readonly (readonly string[])[] {
  const all = ["stage", ...LOG_METRICS[name].labels];
  if (name !== REQUESTS) return [all];
  const withoutReason = all.filter((label) => label !== "reason");
  // Each set of values is a metric that costs, and without a reason both sets say the same.
  return labels["reason"] === undefined ? [withoutReason] : [withoutReason, all];
}
