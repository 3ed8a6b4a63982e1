import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { PROJECT_ROOT } from "../../infra/bundling.ts";
import { buildTorture } from "./build.ts";
import { DEFECTS, type DefectName, isDefectName, partOf } from "./defects.ts";
import { scheduleOf } from "./random-schedule.ts";
import { runPoints } from "./run-points.ts";
import { runSchedules, shrink } from "./run-schedules.ts";
import { realStorm } from "./storm.ts";
import { tracedRun } from "./traced-run.ts";

/**
 * `npm run torture`: crash points, power failures, random schedules, and known defects that have to be found. Exits with 1
 * if a guarantee is broken or a defect is not found.
 *
 * - `--points <number>`: crash points, at least; a history is judged whole.
 * - `--schedules <number>`: random schedules of a real process.
 * - `--seed <number>`: the first seed of both.
 * - `--only <part>`: `points`, `schedules`, `storm` or `defects`.
 * - `--defect <name>`: seeds this defect alone, which has to be found.
 * - `--write`: runs every part, and writes the figures into `test/torture/figures.json`, from which `docs/torture.md` has
 *   them. With `--only`, it replaces the figures of this part.
 */
const { values } = parseArgs({
  options: {
    points: { type: "string", default: "500" },
    schedules: { type: "string", default: "8" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
    defect: { type: "string" },
    write: { type: "boolean", default: false },
  },
});
/** Kills of a real process in each history. */
const REAL_KILLS = 3;
/** Schedules in which a seeded defect has to be found. */
const DEFECT_SCHEDULES = 8;

const seed = Number(values.seed);
const isWanted = (part: string): boolean =>
  values.only === undefined ? values.defect === undefined && (part !== "storm" || values.write) : values.only === part;
const parent = join(PROJECT_ROOT, "node_modules", ".drawbridge-torture");
mkdirSync(parent, { recursive: true });
const folder = mkdtempSync(join(parent, "run-"));
const faults: string[] = [];
const figures: Record<string, unknown> = {};
try {
  if (isWanted("points")) await points();
  if (isWanted("schedules")) await schedules();
  if (isWanted("storm")) await storm();
  if (isWanted("defects")) await findDefects(Object.keys(DEFECTS));
  if (values.defect !== undefined) await findDefects([values.defect]);
  for (const fault of faults) print(`wrong: ${fault}`);
  if (values.write) writeFigures();
  process.exitCode = faults.length > 0 ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true });
}

async function points(): Promise<void> {
  const programs = await buildTorture(join(folder, "points"), undefined);
  const { faults: found, ...counted } = await runPoints(programs, seed, Number(values.points), REAL_KILLS);
  const traced = tracedRun(programs["killed-history"], seed);
  print(`crash points, from seed ${seed}: ${shown(counted)}`);
  print(traced ? `traced: ${shown(traced)}` : "traced: left out, because strace does not run here");
  faults.push(...found, ...(traced?.faults ?? []));
  figures["points"] = counted;
  if (traced) figures["traced"] = { commits: traced.commits, writes: traced.writes };
}

async function schedules(): Promise<void> {
  const programs = await buildTorture(join(folder, "schedules"), undefined);
  const given = { first: seed, count: Number(values.schedules), folder, untilFailure: false };
  const judged = await runSchedules(programs["bridge-process"], given);
  print(`schedules, from seed ${seed}: ${shown(judged.figures)}`);
  for (const failure of judged.failures)
    faults.push(...failure.faults.map((fault) => `schedule ${failure.seed}: ${fault}`));
  figures["schedules"] = judged.figures;
  const [first] = judged.failures;
  if (first === undefined) return;
  const smaller = await shrink(programs["bridge-process"], scheduleOf(first.seed), folder);
  print(`schedule ${first.seed} failed: ${first.faults[0]}. The smallest failing schedule that was found from it:`);
  for (const step of smaller.schedule.steps) print(`  ${JSON.stringify(step)}`);
  for (const fault of smaller.judged?.faults ?? []) print(`  ${fault}`);
}

async function storm(): Promise<void> {
  const result = await realStorm();
  print(`storm: ${result.figures}`);
  faults.push(...result.faults);
  figures["storm"] = result.figures;
}

async function findDefects(names: readonly string[]): Promise<void> {
  let missed = 0;
  for (const name of names) {
    if (!isDefectName(name)) throw new Error(`no defect has the name "${name}": ${Object.keys(DEFECTS).join(", ")}`);
    const found = await findDefect(name);
    if (found !== undefined) print(`defect ${name}: found: ${found.slice(0, 200)}`);
    else {
      missed += 1;
      faults.push(`the defect ${name} was not found`);
    }
  }
  figures["defects"] = { seeded: names.length, found: names.length - missed };
}

/** The first fault that the defect causes; undefined if there is none. */
async function findDefect(name: DefectName): Promise<string | undefined> {
  const programs = await buildTorture(join(folder, name), name);
  if (partOf(name) === "points") return (await runPoints(programs, seed, 1, 0)).faults[0];
  const given = { first: seed, count: DEFECT_SCHEDULES, folder, untilFailure: true };
  return (await runSchedules(programs["bridge-process"], given)).failures[0]?.faults[0];
}

function writeFigures(): void {
  const file = new URL("figures.json", import.meta.url);
  const earlier: object = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
  writeFileSync(file, `${JSON.stringify({ ...earlier, ...figures }, undefined, 2)}\n`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function shown(counted: object): string {
  return Object.entries(counted)
    .filter(([, value]) => typeof value === "number")
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
}
