import { Logger } from "@aws-lambda-powertools/logger";
import type { Clock } from "../host/clock.ts";
import type { Log, LogFields } from "../host/log.ts";

/** Where CloudWatch keeps the metrics that the lines carry. */
const NAMESPACE = "Drawbridge";

/**
 * The log of a function: JSON lines for CloudWatch, with the trace's id. A line that tells how a request or an attempt
 * ended is at the same time its metric, so that neither is written twice: `requests` by source, outcome and reason,
 * `attempts` by route and outcome.
 */
export function awsLog(service: string, clock: Clock): Log {
  const logger = new Logger({ serviceName: service });
  const line =
    (level: "info" | "warn" | "error"): Log["info"] =>
    (fields, message) =>
      logger[level](message, { ...fields, ...counted(fields, clock) });
  return { info: line("info"), warn: line("warn"), error: line("error") };
}

/** What makes a line count: only one about an end has a duration. */
function counted(fields: LogFields, clock: Clock): object | undefined {
  const { durationMs, request, source, status, reason, fault, error, route, outcome } = fields;
  if (durationMs === undefined) return undefined;
  if (request === undefined) return outcome === undefined ? undefined : metric("attempts", { route, outcome }, clock);
  const failure = fault ?? error;
  if (failure !== undefined) return metric("requests", { source, outcome: "failed", reason: failure }, clock);
  const ended = reason === undefined ? status : "refused";
  return metric("requests", { source, outcome: ended, reason }, clock);
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
