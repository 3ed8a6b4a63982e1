import type { Clock } from "./clock.ts";
import { type HistogramCounts, type Latency, LatencyHistogram } from "./latency.ts";
import type { Log, LogFields } from "./log.ts";

/** A metric: what it counts or measures, and its labels. CloudWatch calls a label a dimension. */
interface MetricDefinition {
  /**
   * `counter`: a sum since the start of the process. `gauge`: the last value. `histogram`: durations in seconds, counted in
   * buckets since the start of the process.
   */
  readonly type: "counter" | "gauge" | "histogram";
  /** One sentence. */
  readonly help: string;
  /** Only configured names and members of closed sets, never a sender's text: each new value is a metric that costs. */
  readonly labels: readonly string[];
}

/**
 * The metrics that are made from log lines, by name. This is their one definition: for the lines of AWS (embedded metric
 * format), and for `GET /metrics` on one machine.
 */
export const LOG_METRICS = {
  requests: {
    type: "counter",
    help: "Requests, by source, outcome and reason of a rejection or a failure.",
    labels: ["source", "outcome", "reason"],
  },
  attempts: { type: "counter", help: "Attempts of actions, by route and outcome.", labels: ["route", "outcome"] },
  attemptSeconds: { type: "histogram", help: "How long attempts of actions took, by target.", labels: ["target"] },
  failedInARow: {
    type: "gauge",
    help: "Failures in a row at a target, of an action or of the target as a whole. 0 after a success.",
    labels: ["target"],
  },
  refusedMessages: { type: "counter", help: "Refused queue messages, in AWS, by reason.", labels: ["reason"] },
  acceptedWithoutRun: {
    type: "counter",
    help: "Requests that a target accepted and of which no run was reported in time.",
    labels: [],
  },
  gatewayRecordsKept: { type: "counter", help: "Records of a gateway that are kept.", labels: ["source"] },
  gatewayRecordsCounted: { type: "counter", help: "Records that are left out.", labels: ["source"] },
  gatewayRecordsUnusable: { type: "counter", help: "Records that cannot be read.", labels: ["source"] },
  emergencyGrants: { type: "counter", help: "Runs that somebody granted in an emergency.", labels: [] },
} as const satisfies Readonly<Record<string, MetricDefinition>>;
export type LogMetric = keyof typeof LOG_METRICS;

/** A value of a metric. A label that does not apply is undefined. */
export interface Measurement {
  readonly name: LogMetric;
  readonly value: number;
  readonly labels: LogFields;
}

/** The metrics of a log line. Only a line about the end of a request or an attempt has a duration. */
export function metricsOf(fields: LogFields): readonly Measurement[] {
  if (fields.refusedMessage !== undefined)
    return [{ name: "refusedMessages", value: 1, labels: { reason: fields.refusedMessage } }];
  // One metric for all targets, so that one alarm is enough. The line names the target.
  if (fields.expectedRun === "missing") return [{ name: "acceptedWithoutRun", value: 1, labels: {} }];
  if (fields.emergencyGrant !== undefined) return [{ name: "emergencyGrants", value: 1, labels: {} }];
  if (fields["gatewayRecordsKept"] !== undefined)
    return OF_RECORDS.map((name) => ({ name, value: Number(fields[name]), labels: { source: fields.source } }));
  // The failures in a row of a whole target, by which the alarm of a broken target also finds those of different actions.
  if (fields.breaker !== undefined) return [failuresOf(fields.target, fields.failedInARow)];
  if (fields.durationMs === undefined) return [];
  if (fields.request !== undefined) return [requestMetric(fields)];
  return fields.outcome === undefined ? [] : attemptMetrics(fields);
}

const OF_RECORDS = ["gatewayRecordsKept", "gatewayRecordsCounted", "gatewayRecordsUnusable"] as const;

function requestMetric({ source, status, reason, fault, error }: LogFields): Measurement {
  const failure = fault ?? error;
  if (failure !== undefined)
    return { name: "requests", value: 1, labels: { source, outcome: "failed", reason: failure } };
  const outcome = reason === undefined ? status : "refused";
  return { name: "requests", value: 1, labels: { source, outcome, reason } };
}

function attemptMetrics({ route, target, outcome, attempt, durationMs }: LogFields): readonly Measurement[] {
  const failedInARow = outcome === "done" || outcome === "accepted" ? 0 : Number(attempt);
  return [
    { name: "attempts", value: 1, labels: { route, outcome } },
    { name: "attemptSeconds", value: Number(durationMs) / 1_000, labels: { target } },
    failuresOf(target, failedInARow),
  ];
}

const failuresOf = (target: LogFields["target"], failures: unknown): Measurement => ({
  name: "failedInARow",
  value: Number(failures),
  labels: { target },
});

/** The value of a label as it is written. */
export const labelText = (value: LogFields[string]): string => String(value ?? "none");

/** One value of a metric, with the values of its labels in the order of its definition. */
export interface Sample {
  readonly name: LogMetric;
  readonly labels: readonly string[];
  readonly value: number;
}

/** More than all sources, routes and targets have. What would be beyond it is left out. */
const MAX_SAMPLES = 5_000;
const MAX_HISTOGRAMS = 500;

/** The labels whose values are configured names. */
type ConfiguredLabel = "source" | "route" | "target";
export type ConfiguredNames = Readonly<Record<ConfiguredLabel, readonly string[]>>;

const keyOf = ({ name, labels }: Pick<Sample, "name" | "labels">): string => JSON.stringify([name, ...labels]);

/**
 * The counters on whose first step an alert hangs. They begin at 0, because Prometheus sees no increase in a series that
 * begins at 1.
 */
const firstSamples = ({ route }: ConfiguredNames): readonly Sample[] => [
  { name: "acceptedWithoutRun", labels: [], value: 0 },
  { name: "emergencyGrants", labels: [], value: 0 },
  ...route.map((name) => ({ name: "attempts", labels: [name, "give_up"], value: 0 }) as const),
];

/** The metrics of the log lines of this process, since its start. */
export class LogMetrics {
  readonly #clock: Pick<Clock, "now">;
  readonly #samples = new Map<string, Sample>();
  /** The only histogram there is, by target. */
  readonly #attemptSeconds = new Map<string, LatencyHistogram>();
  #configured: ConfiguredNames = { source: [], route: [], target: [] };

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** Takes up the names that are configured from now on. What was measured of a removed one is forgotten. */
  use(configured: ConfiguredNames): void {
    const isRemoved = (label: string, value: string): boolean => {
      const known = label as ConfiguredLabel;
      return this.#configured[known]?.includes(value) === true && !configured[known].includes(value);
    };
    for (const [key, { name, labels }] of this.#samples) {
      const names: readonly string[] = LOG_METRICS[name].labels;
      if (labels.some((value, at) => isRemoved(names[at] ?? "", value))) this.#samples.delete(key);
    }
    for (const target of this.#attemptSeconds.keys())
      if (isRemoved("target", target)) this.#attemptSeconds.delete(target);
    this.#configured = configured;
    for (const first of firstSamples(configured)) {
      const key = keyOf(first);
      if (!this.#samples.has(key)) this.#samples.set(key, first);
    }
  }

  /** A log that writes to another one and counts each line. */
  counting(log: Log): Log {
    const line = (level: keyof Log) => (fields: LogFields, message: string) => {
      for (const measurement of metricsOf(fields)) this.#add(measurement);
      log[level](fields, message);
    };
    return { info: line("info"), warn: line("warn"), error: line("error") };
  }

  samples(): readonly Sample[] {
    return [...this.#samples.values()];
  }

  /** What was counted of each target. */
  attemptSeconds(): ReadonlyMap<string, HistogramCounts> {
    return new Map([...this.#attemptSeconds].map(([target, histogram]) => [target, histogram.counts()]));
  }

  /** How long the attempts at a target took in the last hour, since the process started at the earliest. */
  latencyOf(target: string): Latency {
    return this.#attemptSeconds.get(target)?.lastHour(this.#clock.now()) ?? { attempts: 0 };
  }

  #observe(target: string, seconds: number): void {
    const known = this.#attemptSeconds.get(target);
    if (known === undefined && this.#attemptSeconds.size >= MAX_HISTOGRAMS) return;
    const histogram = known ?? new LatencyHistogram();
    histogram.add(seconds, this.#clock.now());
    this.#attemptSeconds.set(target, histogram);
  }

  #add({ name, value, labels }: Measurement): void {
    if (name === "attemptSeconds") {
      this.#observe(labelText(labels.target), value);
      return;
    }
    const { type, labels: names } = LOG_METRICS[name];
    const values = names.map((label) => labelText(labels[label]));
    const key = keyOf({ name, labels: values });
    const before = this.#samples.get(key);
    if (before === undefined && this.#samples.size >= MAX_SAMPLES) return;
    const sum = type === "counter" ? (before?.value ?? 0) + value : value;
    this.#samples.set(key, { name, labels: values, value: sum });
  }
}
