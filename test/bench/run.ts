import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { systemClock, toIso } from "../../shared/host/clock.ts";
import { cli } from "./cli.ts";
import { expiry } from "./expiry.ts";
import { fairness } from "./fairness.ts";
import { finding } from "./finding.ts";
import { growth } from "./growth.ts";
import { kong } from "./kong.ts";
import { machine } from "./machine.ts";
import type { Measure, MeasureOptions } from "./measure.ts";
import { MEASURED, type Measured, PUBLISHED, type Published, readMeasured } from "./measured.ts";
import { memory } from "./memory.ts";
import { packing } from "./packing.ts";
import { pages } from "./pages.ts";
import { receivePath } from "./receive-path.ts";
import { recording } from "./recording.ts";
import { routing } from "./routing.ts";
import { standalone } from "./standalone.ts";
import { comparisonTable, type Table, textOf } from "./table.ts";
import { verification } from "./verification.ts";

// The AWS client warns at every start that it will need a newer Node; package.json says which one is needed.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";

/**
 * `npm run bench -- [--quick] [--write] [measure …]`: all measures, or the named ones. Figures are for comparison, so
 * nothing fails. With `--write`, those of `docs/benchmarks.md` replace the ones written before, and `npm run docs` makes
 * its tables. The rough figures of a quick run are not written.
 */
const MEASURES: ReadonlyMap<string, (options: MeasureOptions) => Promise<readonly Table[]>> = new Map([
  ["receive", comparing(receivePath)],
  ["recording", comparing(recording)],
  ["routing", comparing(routing)],
  ["packing", comparing(packing)],
  ["verification", comparing(verification)],
  ["memory", comparing(memory)],
  ["expiry", comparing(expiry)],
  ["finding", finding],
  ["pages", pages],
  ["fairness", comparing(fairness)],
  ["kong", comparing(kong)],
  ["cli", comparing(cli)],
  ["standalone", standalone],
  ["growth", growth],
]);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: "boolean", default: false }, write: { type: "boolean", default: false } },
});
const { quick, write } = values;
const unknown = positionals.filter((name) => !MEASURES.has(name));
if (unknown.length > 0)
  throw new Error(`no measure ${unknown.join(", ")}; there are ${[...MEASURES.keys()].join(", ")}`);
if (quick && write) throw new Error("the figures of a quick run are rough, so they are not written");

const host = machine();
process.stdout.write(`${host}\n`);
for (const [name, measure] of MEASURES) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const tables = await measure({ quick });
  process.stdout.write(`\n${name}\n\n${tables.map(textOf).join("\n\n")}\n`);
  const published = PUBLISHED.find((one) => one === name);
  if (write && published) await save(published, { date: toIso(systemClock.now()).slice(0, 10), machine: host, tables });
}

function comparing(measure: Measure) {
  return async (options: MeasureOptions): Promise<readonly Table[]> => [comparisonTable(await measure(options))];
}

async function save(name: Published, measured: Measured): Promise<void> {
  await writeFile(MEASURED, `${JSON.stringify({ ...readMeasured(), [name]: measured }, undefined, 2)}\n`);
  process.stdout.write("\nwritten; `npm run docs` makes the tables of docs/benchmarks.md\n");
}
