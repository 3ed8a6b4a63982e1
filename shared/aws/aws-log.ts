import { type Clock, toIso } from "../host/clock.ts";
import { jsonLog, type Log, type LogFields } from "../host/log.ts";
import { type Environment, setting } from "./settings.ts";

/** Where CloudWatch keeps the metrics that the lines carry. */
const NAMESPACE = "Drawbridge";

/**
 * The log of a function: JSON lines for CloudWatch, with the service, the stage and the id of the X-Ray trace. A line that
 * tells how a request or an attempt ended is at the same time its metric, so that neither is written twice: `requests` by
 * stage, source, outcome and reason, `attempts` by stage, route and outcome.
 */
export function awsLog(service: string, environment: Environment, clock: Clock): Log {
  const stage = setting(environment, "STAGE");
  return jsonLog(
    // Lambda takes each line as it is; `console` would put more in front, and no query would find its members.
    (line) => process.stdout.write(line),
    () => toIso(clock.now()),
    (fields) => ({ service, stage, xray_trace_id: xrayTraceIn(environment), ...counted(fields, stage, clock) }),
  );
}

/**
 * The name under which CloudWatch finds the lines of a trace. Lambda sets the variable anew for each call.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
 */
const xrayTraceIn = ({ _X_AMZN_TRACE_ID: told }: Environment): string | undefined =>
  /(?:^|;)Root=([^;]+)/.exec(told ?? "")?.[1];

/** What makes a line count: only one about an end has a duration. */
function counted(fields: LogFields, stage: string, clock: Clock): object | undefined {
  const { durationMs, request, source, status, reason, fault, error, route, outcome } = fields;
  if (durationMs === undefined) return undefined;
  const count = (name: string, dimensions: LogFields) => metric(name, { stage, ...dimensions }, clock);
  if (request === undefined) return outcome === undefined ? undefined : count("attempts", { route, outcome });
  const failure = fault ?? error;
  if (failure !== undefined) return count("requests", { source, outcome: "failed", reason: failure });
  return count("requests", { source, outcome: reason === undefined ? status : "refused", reason });
}

/**
 * CloudWatch's embedded metric format: members of the line that are told to be dimensions, and one to be counted. The
 * dimensions hold configured names and closed sets, never a sender's text; one that does not apply is "none".
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
function metric(name: string, dimensions: LogFields, clock: Clock): object {
  const told = Object.entries(dimensions).map(([dimension, value]) => [dimension, String(value ?? "none")] as const);
  const Dimensions = [told.map(([dimension]) => dimension)];
  return {
    ...Object.fromEntries(told),
    [name]: 1,
    _aws: {
      Timestamp: clock.now(),
      CloudWatchMetrics: [{ Namespace: NAMESPACE, Dimensions, Metrics: [{ Name: name, Unit: "Count" }] }],
    },
  };
}
