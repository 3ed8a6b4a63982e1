import type { BoardRow, ShownBuild } from "./board.ts";
import { compareRuns, compareStates, createdAtOf, isSameRun, isTerminal, type RunAge } from "./build-order.ts";

/** A run as a row of a board stores it. */
export interface BoardRun extends RunAge {
  /** The furthest state of the run. */
  readonly build: ShownBuild;
  /** The delivery that reported this state. */
  readonly delivery: string;
}

export type ReportedBuild = Pick<BoardRow, "build" | "delivery">;

/** Number of runs that a row stores. A later state of a run without a creation time is matched against these. */
const MAX_RUNS = 3;

/**
 * Merges a reported state of one run into `runs`, newest first. Every store keeps this result for a row; it is the same
 * for every order of arrival. Returns `runs` itself if the report adds nothing.
 */
export function withBuild(runs: readonly BoardRun[], reported: ReportedBuild): readonly BoardRun[] {
  const reportedRun = runOf(reported);
  const known = runs.find((one) => isSameRun(one, reportedRun));
  const run = known ? mergeRuns(known, reportedRun) : reportedRun;
  if (known && isEqual(known, run)) return runs;
  const all = [run, ...runs.filter((one) => one !== known)].sort((one, other) => compareRuns(other, one));
  const newestEnd = all.findIndex(hasEnded);
  return all.filter((_, at) => at < MAX_RUNS || at === newestEnd);
}

/** Returns the run of a report, as if no other state of it were known. */
export function runOf({ build, delivery }: ReportedBuild): BoardRun {
  const createdAt = createdAtOf(build);
  const firstReportedAt = build.reportedAt ?? build.finishedAt ?? "";
  return { build, delivery, ...(createdAt !== undefined && { createdAt }), firstReportedAt };
}

function mergeRuns(one: BoardRun, other: BoardRun): BoardRun {
  const { build, delivery } = compareStates(other.build, one.build) >= 0 ? other : one;
  const [createdAt] = [one, other].flatMap((run) => run.createdAt ?? []).sort();
  const [firstReportedAt = ""] = [one.firstReportedAt, other.firstReportedAt].sort();
  return { build, delivery, ...(createdAt !== undefined && { createdAt }), firstReportedAt };
}

/** Returns the row that shows these runs; undefined if there are none. */
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

/** Whether the row of these runs shows the reported state: as the newest run, or as the last end before it. */
export function isShown({ build }: ReportedBuild, runs: readonly BoardRun[]): boolean {
  const [newest] = runs;
  const shown = newest && hasEnded(newest) ? [newest] : [newest, runs.find(hasEnded)];
  return shown.some((run) => run !== undefined && isEqual(run.build, build));
}

const hasEnded = ({ build }: BoardRun): boolean => isTerminal(build.state);

/** Compares values that are stored as JSON. */
const isEqual = (one: object, other: object): boolean => JSON.stringify(one) === JSON.stringify(other);
