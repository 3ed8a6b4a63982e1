import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import * as v from "valibot";
import { push } from "../support/console-traffic.ts";
import { parseOpenMetrics } from "../support/open-metrics.ts";
import { standaloneBridge } from "../support/standalone-bridge.ts";
import { until } from "../support/until.ts";

/** Prints what Prometheus' own client for Python reads in an exposition: each sample with its family's type. */
const READ = `
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
families = text_string_to_metric_families(open(sys.argv[1]).read())
print(json.dumps([[f.type, s.name, s.labels, s.value] for f in families for s in f.samples]))
`;

const samples = v.array(v.tuple([v.string(), v.string(), v.record(v.string(), v.string()), v.number()]));

/** The metrics of a bridge at work, read by `prometheus-client`. It must read what the tests read. */
export async function readMetrics(programs: string, folder: string): Promise<string> {
  const bridge = await standaloneBridge();
  try {
    await bridge.gitlabPush(push());
    const text = await until(
      "an attempt in the metrics",
      async () => (await fetch(new URL("/metrics", bridge.metricsUrl))).text(),
      (found) => /^drawbridge_attempts_total\{/m.test(found),
    );
    const file = join(folder, "metrics.txt");
    await writeFile(file, text);
    const { stdout } = await promisify(execFile)(join(programs, "python"), ["-c", READ, file]);
    const theirs = v.parse(samples, JSON.parse(stdout));
    const ours = parseOpenMetrics(text).flatMap(({ type, samples: of }) =>
      of.map(({ name, labels, value }) => [type, name, labels, value]),
    );
    const inOrder = (list: readonly unknown[]) => list.map((sample) => JSON.stringify(sample)).sort();
    if (JSON.stringify(inOrder(theirs)) !== JSON.stringify(inOrder(ours)))
      throw new Error(`prometheus-client reads ${theirs.length} samples otherwise than the tests: see ${file}`);
    return `${theirs.length} samples`;
  } finally {
    await bridge.stop();
  }
}
