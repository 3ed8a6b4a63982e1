import { type Clock, toIso } from "../host/clock.ts";
import type { Environment } from "../host/environment.ts";
import { jsonLog, type Log, type LogFields } from "../host/log.ts";
import { setting } from "./settings.ts";

/** Where CloudWatch keeps the metrics that the lines carry. */
export const NAMESPACE = "Drawbridge";
/** How often an action has failed without a break when an attempt of it ended: 0 when it was done. */
export const FAILED_IN_A_ROW = "failedInARow";

/**
 * The log of a function: JSON lines for CloudWatch, with the service, the stage and the id of the X-Ray trace. A line that
 * tells how a request or an attempt ended is at the same time its metric, so that neither is written twice: `requests` by
 * stage, source, outcome and reason; `attempts` by stage, route and outcome; {@link FAILED_IN_A_ROW} by stage and target.
 */
export function awsLog(service: string, environment: Environment, clock: Clock): Log {
  const stage = setting(environment, "STAGE");
  return jsonLog(
    // Lambda takes each line as it is; `console` would put more in front, and no query would find its members.
    (line) => process.stdout.write(line),
    () => toIso(clock.now()),
    (fields) => ({ service, stage, xray_trace_id: xrayTraceIn(environment), ...counted(fields, clock) }),
  );
}

/**
 * The name under which CloudWatch finds the lines of a trace. Lambda sets the variable anew for each call.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
 */
const xrayTraceIn = ({ _X_AMZN_TRACE_ID: told }: Environment): string | undefined =>
  /(?:^|;)Root=([^;]+)/.exec(told ?? "")?.[1];

interface Metric {
  readonly name: string;
  readonly value: number;
  /** They hold configured names and closed sets, never a sender's text; one that does not apply is "none". */
  readonly by: LogFields;
}

/** What makes a line count: only one about an end has a duration. */
function counted(fields: LogFields, clock: Clock): object | undefined {
  if (fields.durationMs === undefined) return undefined;
  if (fields.request !== undefined) return embedded([requestMetric(fields)], clock);
  return fields.outcome === undefined ? undefined : embedded(attemptMetrics(fields), clock);
}

function requestMetric({ source, status, reason, fault, error }: LogFields): Metric {
  const failure = fault ?? error;
  const refusedOr = reason === undefined ? status : "refused";
  const by = failure === undefined ? { outcome: refusedOr, reason } : { outcome: "failed", reason: failure };
  return { name: "requests", value: 1, by: { source, ...by } };
}

function attemptMetrics({ route, target, outcome, attempt }: LogFields): readonly Metric[] {
  const failed = outcome === "done" ? 0 : Number(attempt);
  return [
    { name: "attempts", value: 1, by: { route, outcome } },
    { name: FAILED_IN_A_ROW, value: failed, by: { target } },
  ];
}

/**
 * CloudWatch's embedded metric format: members of the line that are told to be dimensions, and others to be values.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
function embedded(metrics: readonly Metric[], clock: Clock): object {
  const dimensions = metrics.flatMap(({ by }) => Object.entries(by));
  return {
    ...Object.fromEntries(dimensions.map(([dimension, value]) => [dimension, String(value ?? "none")])),
    ...Object.fromEntries(metrics.map(({ name, value }) => [name, value])),
    _aws: {
      Timestamp: clock.now(),
      CloudWatchMetrics: metrics.map(({ name, by }) => ({
        Namespace: NAMESPACE,
        Dimensions: [["stage", ...Object.keys(by)]],
        Metrics: [{ Name: name, Unit: "Count" }],
      })),
    },
  };
}
