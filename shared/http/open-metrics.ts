import { BUCKETS_SECONDS, type HistogramCounts } from "../host/latency.ts";

/** The type of the exposition: https://prometheus.io/docs/specs/om/open_metrics_spec/ (1.0.0). */
export const OPEN_METRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/** A metric with all its samples. */
export interface MetricFamily {
  /** Without the suffix that its type adds. A name that ends in `_seconds` has that unit. */
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram" | "info";
  readonly help: string;
  readonly samples: readonly {
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
    /** Of a histogram: what the sample is of it. */
    readonly part?: "_bucket" | "_count" | "_sum";
  }[];
}

/**
 * The name of a metric in the exposition: `failedInARow` is `drawbridge_failed_in_a_row`. Prometheus has no capitals,
 * and CloudWatch's have a namespace instead of the prefix.
 */
export const openMetricsName = (name: string): string =>
  `drawbridge_${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;

const SUFFIXES = { counter: "_total", gauge: "", histogram: "", info: "_info" } as const;

/** The samples of a histogram. The bound of a bucket is a number with a point: its count has that of all lower ones. */
export function histogramSamples(
  labels: Readonly<Record<string, string>>,
  { buckets, sumSeconds }: HistogramCounts,
): MetricFamily["samples"] {
  let count = 0;
  const parts = buckets.map((one, at) => {
    count += one;
    const le = boundText(BUCKETS_SECONDS[at]);
    return { labels: { ...labels, le }, value: count, part: "_bucket" } as const;
  });
  return [...parts, { labels, value: count, part: "_count" }, { labels, value: sumSeconds, part: "_sum" }];
}

function boundText(bound: number | undefined): string {
  if (bound === undefined) return "+Inf";
  return Number.isInteger(bound) ? `${bound}.0` : String(bound);
}

/** The text of these metrics. */
export function openMetricsText(families: readonly MetricFamily[]): string {
  return `${families.flatMap(linesOf).join("\n")}\n# EOF\n`;
}

function linesOf({ name, type, help, samples }: MetricFamily): readonly string[] {
  return [
    `# TYPE ${name} ${type}`,
    ...(name.endsWith("_seconds") ? [`# UNIT ${name} seconds`] : []),
    `# HELP ${name} ${escaped(help)}`,
    ...samples.map(({ labels, value, part = "" }) => `${name}${SUFFIXES[type]}${part}${labelsText(labels)} ${value}`),
  ];
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

const escaped = (text: string): string =>
  text.replace(/[\\"\n]/g, (character) => (character === "\n" ? "\\n" : `\\${character}`));
