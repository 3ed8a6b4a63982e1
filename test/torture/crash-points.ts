import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { DATABASE_FILE, openTable } from "../../shared/store/sqlite/open.ts";
import { silentLog } from "../support/test-doubles.ts";
import { CheckedTable, type Items, TableModel } from "./checked-table.ts";
import { Random } from "./random.ts";
import { actionOf, faultsOf, finish, type History, historyOf, run } from "./store-history.ts";
import { newWorld, StoreProcess, type World } from "./store-process.ts";
import { differences, type Files, readFiles, writeFiles } from "./stored-state.ts";
import { cutAfter, framesOf, saltsOf } from "./wal.ts";
import { checkpointAfter, watchDriver } from "./watched-driver.ts";

/** The state of everything at one instant of a history: what a killed process leaves behind, and the world outside it. */
interface Instant {
  /** Number of the call in the history, and whether it is before or after it. */
  readonly name: string;
  readonly files: Files;
  /** What the database must have. */
  readonly items: Items;
  readonly world: World;
  /** Only after a commit: the files and items before it. */
  readonly before?: Pick<Instant, "files" | "items">;
}

export interface Figures {
  readonly histories: number;
  /** Instants before and after a statement or commit, each of which was judged as a kill. */
  readonly points: number;
  /** Of these, kills of a process that continued after a kill. */
  readonly secondKills: number;
  /** Kills of a real process with SIGKILL, at one of the instants. */
  readonly realKills: number;
  readonly commits: number;
  /** Openings after a simulated power failure. */
  readonly cuts: number;
  readonly faults: readonly string[];
}

/**
 * Program: enumerates the crash points of the histories with the seeds from `first` on, until there are `points`. Prints
 * {@link Figures}. Arguments: folder, first seed, points, real kills in each history.
 *
 * For most points no process is killed. At each instant the files are copied, and the copy is opened as after a SIGKILL.
 * That is the same: SQLite writes its files with `write`, which hands the bytes to the operating system, and the system
 * keeps them when the process ends. What SQLite has in the memory of the process is not in the files, so it is lost in the
 * copy as well. The shared index of the log (`-shm`) is not copied: the first connection builds it anew from the log. The
 * real kills are the check of this argument: the files of the killed process must have the same content as the copy.
 */
async function enumerate(base: string, firstSeed: number, wanted: number, realKills: number): Promise<Figures> {
  const figures = {
    histories: 0,
    points: 0,
    secondKills: 0,
    realKills: 0,
    commits: 0,
    cuts: 0,
    faults: [] as string[],
  };
  for (let seed = firstSeed; figures.points < wanted && figures.faults.length < MOST_FAULTS; seed++) {
    const here = join(base, `history-${seed}`);
    const judged = await judgeHistory(seed, { here, realKills });
    rmSync(here, { recursive: true });
    figures.histories += 1;
    figures.points += judged.points;
    figures.secondKills += judged.secondKills;
    figures.realKills += judged.realKills;
    figures.commits += judged.commits;
    figures.cuts += judged.cuts;
    figures.faults.push(...judged.faults.map((fault) => `seed ${seed}, ${fault}`));
  }
  return { ...figures, faults: figures.faults.slice(0, MOST_FAULTS) };
}

const MOST_FAULTS = 5;
/** One kill in this many is followed by a second one, at a random call of the process that continues. */
const SECOND_KILL_EVERY = 5;
/** Latest instant of the process that continues at which it is killed again. */
const LATEST_SECOND_KILL = 60;

async function judgeHistory(seed: number, { here, realKills }: { readonly here: string; readonly realKills: number }) {
  const history = historyOf(seed);
  checkpointAfter(history.checkpointPages);
  const random = new Random(seed);
  const live = join(here, "live");
  const start = { folder: live, items: new Map(), world: newWorld() };
  const played = await play(history, start, { killed: [], collects: () => true });
  const faults = played.faults.map((fault) => `without a kill: ${fault}`);
  const result = { points: 0, secondKills: 0, realKills: 0, commits: 0, cuts: 0 };
  const judgeKill = async (instant: Instant, killed: readonly Items[], name: string): Promise<void> => {
    result.points += 1;
    const at = join(here, "copy");
    writeFiles(at, instant.files);
    const different = await differences(at, instant.items);
    // The check has opened the copy, so the process that continues gets a new one.
    rmSync(at, { recursive: true });
    writeFiles(at, instant.files);
    const from = { folder: at, items: instant.items, world: structuredClone(instant.world) };
    const all = [...killed, instant.items];
    const isSecond = killed.length === 0 && result.points % SECOND_KILL_EVERY === 0;
    const secondAt = isSecond ? random.whole(1, LATEST_SECOND_KILL) : undefined;
    const continued = await play(history, from, { killed: all, collects: (number) => number === secondAt });
    rmSync(at, { recursive: true });
    faults.push(...[...different, ...continued.faults].map((fault) => `killed ${name}: ${fault}`));
    const [second] = continued.instants;
    if (second === undefined) return;
    result.secondKills += 1;
    await judgeKill(second, all, `${name}, and ${second.name} of the next process`);
  };
  for (let kill = 0; kill < realKills; kill++) {
    const number = random.whole(1, played.instants.length);
    const instant = played.instants[number - 1];
    if (instant === undefined) break;
    result.realKills += 1;
    const different = await differencesAfterKill(seed, number, { instant, here });
    faults.push(...different.map((fault) => `a real process, killed ${instant.name}: ${fault}`));
  }
  for (const instant of played.instants) {
    if (faults.length >= MOST_FAULTS) break;
    await judgeKill(instant, [], instant.name);
    if (instant.before === undefined) continue;
    result.commits += 1;
    const cuts = await judgePowerFailure(instant, instant.before, { here, random });
    result.cuts += cuts.count;
    faults.push(...cuts.faults.map((fault) => `power failure at commit ${instant.name}: ${fault}`));
  }
  return { ...result, faults };
}

interface Start {
  readonly folder: string;
  readonly items: Items;
  readonly world: World;
}

interface Plan {
  /** What each killed process left in the database. */
  readonly killed: readonly Items[];
  /** Whether the instant with this number, from 1 on, is collected. */
  readonly collects: (number: number) => boolean;
}

/** Runs a process over the folder, to the end of all work, and collects an instant before and after each call. */
async function play(history: History, { folder: at, items, world }: Start, { killed, collects }: Plan) {
  mkdirSync(at, { recursive: true });
  const model = new TableModel(items);
  const instants: Instant[] = [];
  let [calls, number] = [0, 0];
  let last: Pick<Instant, "files" | "items"> = { files: readFiles(at), items: model.items };
  watchDriver(({ file, sql, when }) => {
    if (file !== join(at, DATABASE_FILE)) return;
    if (when === "before") calls += 1;
    const isCommit = when === "after" && sql === "COMMIT";
    if (isCommit) model.committed();
    number += 1;
    if (!collects(number)) return;
    const now = { files: readFiles(at), items: model.items };
    const name = `${when} call ${calls} (${sql.trim().split(/\s+/).slice(0, 3).join(" ")})`;
    instants.push({ name, ...now, world: structuredClone(world), ...(isCommit && { before: last }) });
    if (isCommit || last.items.size === 0) last = now;
  });
  try {
    const { table, close } = openTable(at, silentLog);
    const running = new StoreProcess(new CheckedTable(table, model), world, history.answersOf);
    if (killed.length === 0) await run(history, running, world);
    await finish(history, running, world);
    const found = await faultsOf(history, running, world, killed.flatMap(interruptedIn));
    close();
    return { instants, faults: [...model.violations, ...found] };
  } catch (error) {
    return { instants, faults: [`it failed: ${error instanceof Error ? error.stack : String(error)}`] };
  } finally {
    watchDriver(undefined);
  }

  /** The actions that had an owner: their attempts may have reached the target, and are repeated. */
  function interruptedIn(left: Items): readonly string[] {
    const owned = new Set([...left.values()].flatMap((item) => (item["owned"] === 1 ? [String(item["pk"])] : [])));
    const events = [...new Set(history.sends.map(({ event }) => event))];
    return ["build", "deploy"].flatMap((route) =>
      events.map((one) => actionOf(route, one)).filter((id) => owned.has(id)),
    );
  }
}

/** Runs the history in a process that is killed at the instant with this number, and compares its files with the copy. */
async function differencesAfterKill(
  seed: number,
  number: number,
  { instant, here }: { readonly instant: Instant; readonly here: string },
): Promise<readonly string[]> {
  const at = join(here, "killed");
  const { signal } = spawnSync(process.execPath, [KILLED_HISTORY, at, String(seed), String(number)], {
    stdio: "inherit",
  });
  const found = signal === "SIGKILL" ? [] : ["it was not killed"];
  // Each process has its own id in the leases of pages.
  found.push(...(await differences(at, instant.items, "leasedBy")));
  rmSync(at, { recursive: true });
  return found;
}

/** The bundle beside this one. */
const KILLED_HISTORY = join(dirname(process.argv[1] ?? ""), "killed-history.mjs");

/**
 * The power fails after the commit: every group before it was answered, so it was synchronised, and of this group's frames
 * any number may be on the disk, the last of them in part. Where the commit has also copied the log into the database
 * (after it had synchronised the log), any of the copied pages may be missing.
 */
async function judgePowerFailure(
  { files, items }: Instant,
  before: Pick<Instant, "files" | "items">,
  { here, random }: { readonly here: string; readonly random: Random },
) {
  const faults: string[] = [];
  let count = 0;
  const judge = async (what: string, left: Files, expected: Items): Promise<void> => {
    count += 1;
    const at = join(here, "cut");
    writeFiles(at, left);
    faults.push(...(await differences(at, expected)).map((fault) => `${what}: ${fault}`));
    rmSync(at, { recursive: true });
  };
  const frames = framesOf(files.log);
  const isSameLog = saltsOf(files.log) === saltsOf(before.files.log);
  const acknowledged = isSameLog ? framesOf(before.files.log) : 0;
  const { database } = before.files;
  for (let cut = acknowledged; cut < frames; cut++) {
    await judge(`the log has ${cut} of ${frames} frames`, { database, log: cutAfter(files.log, cut) }, before.items);
    const torn = cutAfter(files.log, cut, random.whole(1, 4_000));
    await judge(`the log has ${cut} of ${frames} frames and a part`, { database, log: torn }, before.items);
  }
  await judge("the log is whole", { database, log: files.log }, items);
  if (!database.equals(files.database)) {
    const mixed = withSomePages(database, files.database, random);
    await judge("the log is whole, and some copied pages are missing", { database: mixed, log: files.log }, items);
  }
  return { count, faults };
}

const PAGE_BYTES = 4_096;

function withSomePages(old: Buffer, copied: Buffer, random: Random): Buffer {
  const mixed = Buffer.from(copied);
  for (let at = 0; at < old.length; at += PAGE_BYTES) if (random.chance(0.5)) old.copy(mixed, at, at, at + PAGE_BYTES);
  return mixed;
}

const [folder = "", first = "1", points = "1", kills = "0"] = process.argv.slice(2);
const enumerated = await enumerate(folder, Number(first), Number(points), Number(kills));
process.stdout.write(`${JSON.stringify(enumerated)}\n`);
