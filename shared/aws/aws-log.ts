import { type Clock, toIso } from "../host/clock.ts";
import type { Environment } from "../host/environment.ts";
import { jsonLog, type Log, type LogFields } from "../host/log.ts";
import { setting } from "./settings.ts";

/** CloudWatch namespace of the metrics in the log lines. */
export const NAMESPACE = "Drawbridge";
/** Metric of an accepted request whose run was not reported. */
export const ACCEPTED_WITHOUT_RUN = "acceptedWithoutRun";
/**
 * Metric of an attempt: how many attempts of its action have failed in a row. 0 if the attempt succeeded. Also of a line
 * about a circuit breaker: how many attempts at its target have failed in a row.
 */
export const FAILED_IN_A_ROW = "failedInARow";
/** Metric of an emergency grant. */
export const EMERGENCY_GRANTS = "emergencyGrants";

/**
 * The log of a function: JSON lines for CloudWatch, with the service, the stage and the id of the X-Ray trace. The line
 * about the end of a request or an attempt is also its metric, so nothing is written twice: `requests` by stage, source,
 * outcome and reason; `attempts` by stage, route and outcome; {@link FAILED_IN_A_ROW} by stage and target. So is the line
 * about a refused queue message: `refusedMessages` by stage and reason. So is the line about a run that was not reported:
 * {@link ACCEPTED_WITHOUT_RUN} by stage; and the line about an emergency grant: {@link EMERGENCY_GRANTS} by stage.
 */
export function awsLog(service: string, environment: Environment, clock: Clock): Log {
  const stage = setting(environment, "STAGE");
  return jsonLog(
    // Lambda logs each line unchanged. `console` would add a prefix, and no query would find the fields.
    (line) => process.stdout.write(line),
    () => toIso(clock.now()),
    (fields) => ({ service, stage, xray_trace_id: xrayTraceIn(environment), ...metricsOf(fields, clock) }),
  );
}

/**
 * The id by which CloudWatch finds the log lines of a trace. Lambda sets the variable for each call.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
 */
const xrayTraceIn = ({ _X_AMZN_TRACE_ID: header }: Environment): string | undefined =>
  /(?:^|;)Root=([^;]+)/.exec(header ?? "")?.[1];

interface Metric {
  readonly name: string;
  readonly value: number;
  /** Only configured names and members of closed sets, never a sender's text. One that does not apply is "none". */
  readonly dimensions: LogFields;
}

/** The metrics of a log line. Only a line about the end of a request or an attempt has a duration. */
function metricsOf(fields: LogFields, clock: Clock): object | undefined {
  if (fields.refusedMessage !== undefined) {
    const dimensions = { reason: fields.refusedMessage };
    return embedded([{ name: "refusedMessages", value: 1, dimensions }], clock);
  }
  // One metric for all targets, so that one alarm is enough. The line names the target.
  if (fields.expectedRun === "missing")
    return embedded([{ name: ACCEPTED_WITHOUT_RUN, value: 1, dimensions: {} }], clock);
  if (fields.emergencyGrant !== undefined)
    return embedded([{ name: EMERGENCY_GRANTS, value: 1, dimensions: {} }], clock);
  // The failures in a row of a whole target, by which the alarm of a broken target also finds those of different actions.
  if (fields.breaker !== undefined) return embedded([failuresOf(fields.target, fields.failedInARow)], clock);
  if (fields.durationMs === undefined) return undefined;
  if (fields.request !== undefined) return embedded([requestMetric(fields)], clock);
  return fields.outcome === undefined ? undefined : embedded(attemptMetrics(fields), clock);
}

function requestMetric({ source, status, reason, fault, error }: LogFields): Metric {
  const failure = fault ?? error;
  if (failure !== undefined) {
    return { name: "requests", value: 1, dimensions: { source, outcome: "failed", reason: failure } };
  }
  const outcome = reason === undefined ? status : "refused";
  return { name: "requests", value: 1, dimensions: { source, outcome, reason } };
}

function attemptMetrics({ route, target, outcome, attempt }: LogFields): readonly Metric[] {
  const failedInARow = outcome === "done" || outcome === "accepted" ? 0 : Number(attempt);
  return [{ name: "attempts", value: 1, dimensions: { route, outcome } }, failuresOf(target, failedInARow)];
}

const failuresOf = (target: LogFields["target"], failures: unknown): Metric => ({
  name: FAILED_IN_A_ROW,
  value: Number(failures),
  dimensions: { target },
});

/**
 * CloudWatch's embedded metric format: fields of the line that are declared as dimensions and as values.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
function embedded(metrics: readonly Metric[], clock: Clock): object {
  const dimensions = metrics.flatMap((metric) => Object.entries(metric.dimensions));
  return {
    ...Object.fromEntries(dimensions.map(([dimension, value]) => [dimension, String(value ?? "none")])),
    ...Object.fromEntries(metrics.map(({ name, value }) => [name, value])),
    _aws: {
      Timestamp: clock.now(),
      CloudWatchMetrics: metrics.map(({ name, dimensions }) => ({
        Namespace: NAMESPACE,
        Dimensions: [["stage", ...Object.keys(dimensions)]],
        Metrics: [{ Name: name, Unit: "Count" }],
      })),
    },
  };
}
