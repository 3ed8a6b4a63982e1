import type { BoardRow, ShownBuild } from "./board.ts";
import { compareRuns, compareStates, createdAtOf, isSameRun, isTerminal, type RunAge } from "./build-order.ts";

/** A run as a row of a board keeps it. */
export interface BoardRun extends RunAge {
  /** Its furthest state. */
  readonly build: ShownBuild;
  /** The delivery that told it. */
  readonly delivery: string;
}

export type ReportedBuild = Pick<BoardRow, "build" | "delivery">;

/** Runs that a row keeps: a run without a time of its own is known again among these. */
const MAX_RUNS = 3;

/**
 * `runs`, newest first, with what was told of one of them: what every store keeps of a row, the same whatever the order of
 * arrival. Gives `runs` itself where they knew all of it.
 */
export function withBuild(runs: readonly BoardRun[], told: ReportedBuild): readonly BoardRun[] {
  const own = runOf(told);
  const known = runs.find((one) => isSameRun(one, own));
  const run = known ? joined(known, own) : own;
  if (known && isEqual(known, run)) return runs;
  const all = [run, ...runs.filter((one) => one !== known)].sort((one, other) => compareRuns(other, one));
  const newestEnd = all.findIndex(hasEnded);
  return all.filter((_, at) => at < MAX_RUNS || at === newestEnd);
}

/** A run of which nothing but this is known. */
export function runOf({ build, delivery }: ReportedBuild): BoardRun {
  const createdAt = createdAtOf(build);
  const firstReportedAt = build.reportedAt ?? build.finishedAt ?? "";
  return { build, delivery, ...(createdAt !== undefined && { createdAt }), firstReportedAt };
}

function joined(one: BoardRun, other: BoardRun): BoardRun {
  const { build, delivery } = compareStates(other.build, one.build) >= 0 ? other : one;
  const [createdAt] = [one, other].flatMap((run) => run.createdAt ?? []).sort();
  const [firstReportedAt = ""] = [one.firstReportedAt, other.firstReportedAt].sort();
  return { build, delivery, ...(createdAt !== undefined && { createdAt }), firstReportedAt };
}

/** The row of a board that keeps these runs: nothing where it keeps none. */
export function rowOf(key: string, runs: readonly BoardRun[]): BoardRow | undefined {
  const [newest] = runs;
  if (newest === undefined) return undefined;
  const { build, delivery } = newest;
  const end = hasEnded(newest) ? undefined : runs.find(hasEnded)?.build;
  if (end === undefined) return { key, build, delivery };
  const { state, number, url } = end;
  const ended = { state, ...(number !== undefined && { number }), ...(url !== undefined && { url }) };
  return { key, build, ended, delivery };
}

/** Whether the row of these runs shows what was told: as the newest run, or as the end before it. */
export function isShown({ build }: ReportedBuild, runs: readonly BoardRun[]): boolean {
  const [newest] = runs;
  const shown = newest && hasEnded(newest) ? [newest] : [newest, runs.find(hasEnded)];
  return shown.some((run) => run !== undefined && isEqual(run.build, build));
}

const hasEnded = ({ build }: BoardRun): boolean => isTerminal(build.state);

/** Of values that are kept as JSON. */
const isEqual = (one: object, other: object): boolean => JSON.stringify(one) === JSON.stringify(other);
