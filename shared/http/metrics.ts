import type { ExportCounts } from "../delivery/thread-export.ts";
import { LOG_METRICS, type LogMetrics } from "../host/metrics.ts";
import { VERSION } from "../host/version.ts";
import { type CallerDeps, callerOf } from "../identity/caller.ts";
import type { Policy } from "../identity/policy.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import { TARGET_STATES } from "../model/target-state.ts";
import type { ApprovalStore } from "../store/approvals.ts";
import type { ServedApp } from "./connection.ts";
import { histogramSamples, type MetricFamily, openMetricsName, openMetricsText } from "./open-metrics.ts";
import { type OverviewParts, type OverviewPartsDeps, overviewParts } from "./overview-parts.ts";
import { SOURCE_STATES } from "./overview-sources.ts";

export interface MetricsApi extends CallerDeps, OverviewPartsDeps {
  readonly policy: CallerDeps["policy"] & Pick<Policy, "rejectCall">;
  readonly approvals: Pick<ApprovalStore, "open">;
}

/** What this process has counted. */
export interface ProcessMetrics {
  /** The metrics of its log lines. */
  readonly log: LogMetrics;
  readonly exported: () => ExportCounts;
}

/** Open approvals that are counted. */
const MAX_APPROVALS = 1_000;

/** `GET /metrics` on one machine: for a role with `call: [metrics]`, and for whoever asks at the port for metrics. */
export async function getMetrics(
  request: ReceivedRequest,
  {
    api,
    metrics,
    isMetricsPort,
  }: { readonly api: MetricsApi; readonly metrics: ProcessMetrics; readonly isMetricsPort: boolean },
): Promise<Result<string>> {
  if (!isMetricsPort) {
    const caller = await callerOf(request, "metrics", api);
    if (!caller.ok) return caller;
    const { principal } = caller.value;
    // A count is about no event.
    const forbidden = api.policy.rejectCall(principal, "metrics", []);
    if (forbidden) return reject(forbidden, principal);
  }
  const [parts, open] = await Promise.all([overviewParts(api), api.approvals.open(MAX_APPROVALS)]);
  const waiting = open.filter(({ state }) => state === "requested").length;
  return ok(
    openMetricsText([
      ...logFamilies(metrics.log),
      ...exportFamilies(metrics.exported()),
      ...stateFamilies(parts, { waiting, now: api.clock.now() }),
    ]),
  );
}

/**
 * What the port for metrics serves: `GET /metrics` of this app, and nothing else. A browser on this machine that a foreign
 * page sends here by a name of its own (DNS rebinding) is refused.
 */
export const metricsOnly = (app: ServedApp): ServedApp => ({
  fetch(request) {
    const { hostname, pathname } = new URL(request.url);
    if (!LOCAL_NAME.test(hostname) || pathname !== "/metrics") return new Response(undefined, { status: 404 });
    return app.fetch(request, { isMetricsPort: true });
  },
});

const LOCAL_NAME = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

const logFamilies = (logMetrics: LogMetrics): readonly MetricFamily[] =>
  Object.entries(LOG_METRICS).map(([name, { type, help, labels }]) => ({
    name: openMetricsName(name),
    type,
    help,
    samples:
      type === "histogram"
        ? [...logMetrics.attemptSeconds()].flatMap(([target, counts]) => histogramSamples({ target }, counts))
        : samplesOf(name, labels, logMetrics),
  }));

const samplesOf = (name: string, labels: readonly string[], logMetrics: LogMetrics): MetricFamily["samples"] =>
  logMetrics
    .samples()
    .filter((sample) => sample.name === name)
    .map((sample) => ({
      labels: Object.fromEntries(labels.map((label, at) => [label, sample.labels[at] ?? "none"])),
      value: sample.value,
    }));

/** The export of threads as traces. */
const exportFamilies = ({ taken, rejected, failed, dropped, waiting }: ExportCounts): readonly MetricFamily[] => [
  {
    name: openMetricsName("exportedSpans"),
    type: "counter",
    help: "Spans that the collector took, and those that it rejected, which are lost.",
    samples: [
      { labels: { outcome: "taken" }, value: taken },
      { labels: { outcome: "rejected" }, value: rejected },
    ],
  },
  {
    name: openMetricsName("exportFailures"),
    type: "counter",
    help: "Requests to the collector that failed and are sent again.",
    samples: [{ labels: {}, value: failed }],
  },
  {
    name: openMetricsName("exportDroppedDeliveries"),
    type: "counter",
    help: "Deliveries whose change is not exported: too many waited, or the record cannot be read.",
    samples: [{ labels: {}, value: dropped }],
  },
  gauge("exportWaitingDeliveries", "Deliveries whose change is not exported yet, at most 10,000.", [
    { labels: {}, value: waiting },
  ]),
];

/** What the overview knows when it is asked, see `docs/operations/metrics.md`. */
function stateFamilies(
  parts: OverviewParts,
  { waiting, now }: { waiting: number; now: number },
): readonly MetricFamily[] {
  const { bridge, configuration = "unknown", sources, targets, pages, ended } = parts;
  return [
    {
      name: openMetricsName("build"),
      type: "info",
      help: "The version of the bridge and the digest of the configuration in force.",
      samples: [{ labels: { version: VERSION, configuration }, value: 1 }],
    },
    gauge(
      "ready",
      "Whether a check of the bridge succeeds.",
      Object.entries(bridge.checks).map(([check, result]) => ({ labels: { check }, value: Number(result === "ok") })),
    ),
    gauge(
      "sourceState",
      "1 for the state that a source is in.",
      sources.flatMap(({ source, state }) => statesOf({ source }, state, SOURCE_STATES)),
    ),
    gauge(
      "sourceLastGoodTimestampSeconds",
      "When a source was last proved, in seconds since 1970. Absent if that is not known.",
      sources.flatMap(({ source, lastGoodAt }) =>
        lastGoodAt === undefined ? [] : [{ labels: { source }, value: Date.parse(lastGoodAt) / 1_000 }],
      ),
    ),
    gauge(
      "targetState",
      "1 for the state that a target is in.",
      targets.flatMap(({ target, state }) => statesOf({ target }, state, TARGET_STATES)),
    ),
    gauge(
      "targetDueActions",
      "Actions of a target that are due, at most 100.",
      targets.map(({ target, due }) => ({ labels: { target }, value: due })),
    ),
    gauge(
      "targetRetryingActions",
      "Actions of a target that are tried again, of the 500 oldest of all targets.",
      targets.map(({ target, retrying }) => ({ labels: { target }, value: retrying })),
    ),
    gauge(
      "targetOldestActionSeconds",
      "For how long the oldest action of a target has been due or retrying. 0 if there is none.",
      targets.map(({ target, oldestAt }) => ({
        labels: { target },
        value: oldestAt === undefined ? 0 : Math.max(0, now - Date.parse(oldestAt)) / 1_000,
      })),
    ),
    gauge(
      "endedDeliveries",
      "Deliveries of the last day that ended badly, by state; at most 200 are looked at.",
      Object.entries(ended.counts).map(([state, value]) => ({ labels: { state }, value })),
    ),
    gauge(
      "pageWrites",
      "Writes of pages that were given up in the last day, are overdue, or wait for a person.",
      pages === undefined
        ? []
        : [
            { labels: { state: "not_writable" }, value: pages.notWritable },
            { labels: { state: "overdue" }, value: pages.overdue },
            { labels: { state: "waiting" }, value: pages.waiting },
          ],
    ),
    gauge("openApprovals", "Approvals that nobody has decided, at most 1,000.", [{ labels: {}, value: waiting }]),
  ];
}

const gauge = (name: string, help: string, samples: MetricFamily["samples"]): MetricFamily => ({
  name: openMetricsName(name),
  type: "gauge",
  help,
  samples,
});

const statesOf = (
  labels: Readonly<Record<string, string>>,
  current: string,
  states: readonly string[],
): MetricFamily["samples"] =>
  states.map((state) => ({ labels: { ...labels, state }, value: Number(state === current) }));
