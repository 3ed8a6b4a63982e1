import { Duration } from "aws-cdk-lib";
import { Dashboard, GraphWidget, type IMetric, type IWidget, LogQueryWidget, Stats } from "aws-cdk-lib/aws-cloudwatch";
import type { ITable } from "aws-cdk-lib/aws-dynamodb";
import { Construct } from "constructs";
import type { MonitoredParts } from "./alarms.ts";
import type { BridgeFunction } from "./bridge-function.ts";

export interface BridgeDashboardProps extends MonitoredParts {
  readonly table: Pick<ITable, "metricConsumedReadCapacityUnits" | "metricConsumedWriteCapacityUnits">;
}

/** A dashboard that follows the path of a delivery: requests, functions, relay and queues, log lines. */
export class BridgeDashboard extends Construct {
  constructor(scope: Construct, id: string, parts: BridgeDashboardProps) {
    super(scope, id);
    new Dashboard(this, "Dashboard", {
      defaultInterval: Duration.hours(6),
      widgets: [requests(parts), functions(parts), waiting(parts), outcomes(parts)],
    });
  }
}

const sum = { statistic: Stats.SUM };

function requests({ ingress, table }: BridgeDashboardProps): IWidget[] {
  const { requests: all, rejected, failed, latency } = ingress.metrics;
  const units = [table.metricConsumedWriteCapacityUnits(sum), table.metricConsumedReadCapacityUnits(sum)];
  return [
    graph("Requests, rejected (4xx), failed (5xx)", [all.with(sum), rejected.with(sum), failed.with(sum)]),
    graph("Response time, p95, ms", [latency]),
    graph("Table: write and read units", units),
  ];
}

function functions({ functions: all }: BridgeDashboardProps): IWidget[] {
  const each = [...all].map(([label, { handler }]) => ({ label, handler }));
  return [
    graph(
      "Errors",
      each.map(({ label, handler }) => handler.metricErrors({ label })),
    ),
    graph(
      "Throttles",
      each.map(({ label, handler }) => handler.metricThrottles({ label })),
    ),
    graph(
      "Duration, p95, ms",
      each.map(({ label, handler }) => handler.metricDuration({ label, statistic: Stats.p(95) })),
    ),
  ];
}

function waiting({ relay, partner, queues, failures, streamDeadLetters }: BridgeDashboardProps): IWidget[] {
  const each = [...queues].map(([label, { queue, deadLetters }]) => ({ label, queue, deadLetters }));
  return [
    graph("Relay: age of the records read, ms", [relay.handler.metric("IteratorAge", { statistic: Stats.MAXIMUM })]),
    graph(
      "Queues: oldest action not started, s",
      [...each, ...(partner ? [{ label: "partner events", queue: partner.queue }] : [])].map(({ label, queue }) =>
        queue.metricApproximateAgeOfOldestMessage({ label }),
      ),
    ),
    graph("Dead letters and failure queues", [
      ...each.map(({ label, deadLetters }) => deadLetters.metricApproximateNumberOfMessagesVisible({ label })),
      failures.metricApproximateNumberOfMessagesVisible({ label: "failures between functions" }),
      streamDeadLetters.metricApproximateNumberOfMessagesVisible({ label: "stream dead letters" }),
    ]),
  ];
}

/** Read from the logs, whose fields `docs/operations/log.md` lists. */
function outcomes({ receive, functions: all }: BridgeDashboardProps): IWidget[] {
  const acts = [...all].filter(([name]) => name.startsWith("act-")).map(([, one]) => one);
  return [
    counted("Rejections by source and reason", [receive], {
      filter: 'message = "refused"',
      by: "source, reason",
    }),
    counted("Attempts by route and outcome", acts, {
      filter: "ispresent(attempt) and ispresent(outcome)",
      by: "route, outcome",
    }),
  ].flat();
}

const graph = (title: string, left: IMetric[]): IWidget => new GraphWidget({ title, left, width: 8 });

function counted(
  title: string,
  of: readonly BridgeFunction[],
  { filter, by }: { readonly filter: string; readonly by: string },
): IWidget[] {
  if (of.length === 0) return [];
  const queryLines = [`filter ${filter}`, `stats count(*) as lines by ${by}`, "sort lines desc"];
  return [new LogQueryWidget({ title, logGroupNames: of.map(({ log }) => log.logGroupName), queryLines, width: 12 })];
}
