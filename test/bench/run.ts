import { parseArgs } from "node:util";
import { cli } from "./cli.ts";
import { expiry } from "./expiry.ts";
import type { Measure } from "./measure.ts";
import { memory } from "./memory.ts";
import { packing } from "./packing.ts";
import { receivePath } from "./receive-path.ts";
import { recording } from "./recording.ts";
import { routing } from "./routing.ts";
import { type Row, tableOf } from "./table.ts";
import { verification } from "./verification.ts";

// The AWS client warns at every start that it will need a newer Node; package.json says which one is needed.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";

/**
 * `npm run bench -- [--quick] [measure …]`: all measures, or the named ones. Figures are for comparison, so nothing
 * fails.
 */
const MEASURES: ReadonlyMap<string, Measure> = new Map([
  ["receive", receivePath],
  ["recording", recording],
  ["routing", routing],
  ["packing", packing],
  ["verification", verification],
  ["memory", memory],
  ["expiry", expiry],
  ["cli", cli],
]);

const { values, positionals } = parseArgs({ allowPositionals: true, options: { quick: { type: "boolean" } } });
const unknown = positionals.filter((name) => !MEASURES.has(name));
if (unknown.length > 0)
  throw new Error(`no measure ${unknown.join(", ")}; there are ${[...MEASURES.keys()].join(", ")}`);

const rows: Row[] = [];
for (const [name, measure] of MEASURES) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  rows.push(...(await measure({ quick: values.quick ?? false })));
}
process.stdout.write(`\n${tableOf(rows)}\n`);
