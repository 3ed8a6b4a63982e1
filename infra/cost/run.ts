import { writeFile } from "node:fs/promises";
import { argv, env, stdout } from "node:process";
import { fileURLToPath } from "node:url";
import { countAlarms } from "./count-alarms.ts";
import { type BodySet, measureBodies } from "./measure.ts";
import committed from "./measured.json" with { type: "json" };
import { LOOKED_UP, REGION } from "./prices.ts";
import { fixtureItems, peerItems } from "./recorded-items.ts";
import { costTables, type Measured } from "./tables.ts";

/**
 * Prints what Drawbridge costs in AWS: `npm run cost`. The fixtures are measured anew, and so are the bodies below
 * `PEER_DATA` where it is set; where it is not, those measured last stand for them. With `--write` the measurements are
 * written; `npm run docs` makes the tables of the document from them.
 */
const MEASURED = new URL("measured.json", import.meta.url);

async function measure(): Promise<Measured> {
  const root = env["PEER_DATA"];
  const alarms = await countAlarms();
  const fixtures = asBefore(await measureBodies(await fixtureItems(), today()), committed.fixtures);
  if (root === undefined) {
    stdout.write(`PEER_DATA is not set: the bodies recorded by others are those of ${committed.recorded.date}\n\n`);
    return { fixtures, recorded: committed.recorded, alarms };
  }
  return {
    fixtures,
    recorded: asBefore(await measureBodies(await peerItems(root), today()), committed.recorded),
    alarms,
  };
}

/** A measurement that found nothing new keeps its date. */
const asBefore = (now: BodySet, before: BodySet): BodySet =>
  JSON.stringify({ ...now, date: "" }) === JSON.stringify({ ...before, date: "" }) ? before : now;

const today = (): string => new Date().toISOString().slice(0, 10);

const measured = await measure();
const tables = costTables(measured);
stdout.write(`${REGION}, prices as of ${LOOKED_UP}\n`);
for (const [name, table] of tables) stdout.write(`\n${name}\n\n${table}\n`);
if (argv.includes("--write")) {
  await writeFile(MEASURED, `${JSON.stringify(measured, undefined, 2)}\n`);
  stdout.write(`\nwritten: ${fileURLToPath(MEASURED)}; now \`npm run docs\` writes the tables of docs/cost.md\n`);
}
