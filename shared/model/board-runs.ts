import type { BoardRow, PlaceTimes, ShownBuild } from "./board.ts";
import { ageOf, compareRuns, compareStates, createdAtOf, isSameRun, isTerminal, type RunAge } from "./build-order.ts";
import type { BuildState } from "./event.ts";

/** A run as a row of a board stores it. */
export interface BoardRun extends RunAge {
  /** The furthest state of the run. */
  readonly build: ShownBuild;
  /** The delivery that reported this state. */
  readonly delivery: string;
  /** When a deployment was first reported to run: its sender reports no other start. */
  readonly runsSince?: string;
  /** The last result of the run; present if its state is no result but an earlier round had one. */
  readonly end?: RunEnd;
}

/** The result of a round, with what orders it. */
type RunEnd = Pick<
  ShownBuild,
  "system" | "id" | "pipeline" | "state" | "round" | "number" | "url" | "finishedAt" | "reportedAt" | "reason"
>;

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
  const newestEnd = all.findIndex((one) => endOf(one) !== undefined);
  return all.filter((_, at) => at < MAX_RUNS || at === newestEnd);
}

/** Returns the run of a report, as if no other state of it were known. */
export function runOf({ build, delivery }: ReportedBuild): BoardRun {
  const createdAt = createdAtOf(build);
  const firstReportedAt = build.reportedAt ?? build.finishedAt ?? "";
  const runsSince = build.release && build.state === "running" ? build.reportedAt : undefined;
  return {
    build,
    delivery,
    ...(createdAt !== undefined && { createdAt }),
    firstReportedAt,
    ...(runsSince !== undefined && { runsSince }),
  };
}

function mergeRuns(one: BoardRun, other: BoardRun): BoardRun {
  const { build, delivery } = isFurther(other, one) ? other : one;
  const [end] = [one, other]
    .flatMap((run) => endOf(run) ?? [])
    .sort((a, b) => compareStates(b, a) || compareText(a, b));
  const [createdAt] = [one, other].flatMap((run) => run.createdAt ?? []).sort();
  const [firstReportedAt = ""] = [one.firstReportedAt, other.firstReportedAt].sort();
  const [runsSince] = [one, other].flatMap((run) => run.runsSince ?? []).sort();
  return {
    build,
    delivery,
    ...(end && !isResult(build.state) && { end }),
    ...(createdAt !== undefined && { createdAt }),
    firstReportedAt,
    ...(runsSince !== undefined && { runsSince }),
  };
}

/**
 * Whether `one` is the state to store of two states of one run. Of two reports of one state the one that knows more of the
 * last report is stored, else the earlier one, and of two at one time the same one for every order of arrival.
 */
function isFurther(one: BoardRun, other: BoardRun): boolean {
  const order = compareStates(one.build, other.build);
  if (order !== 0) return order > 0;
  const [turn, otherTurn] = [turnOf(one), turnOf(other)];
  if (turn !== otherTurn) return turn > otherTurn;
  const [at, otherAt] = [one.build.reportedAt ?? "", other.build.reportedAt ?? ""];
  if (at !== otherAt) return at < otherAt;
  return compareText([one.build, one.delivery], [other.build, other.delivery]) < 0;
}

/** A mark that no report came, and its end, concern the state in which the run was then. A further state replaces both. */
const turnOf = ({ build: { lastReport } }: BoardRun): number => lastReport?.turn ?? 0;

/** A run that was skipped has no result, so the last result before it still counts. */
export const isResult = (state: BuildState): boolean => isTerminal(state) && state !== "skipped";

/** The run's result, now or in an earlier round. */
function endOf({ build, end }: Pick<BoardRun, "build" | "end">): RunEnd | undefined {
  if (!isResult(build.state)) return end;
  const { system, id, pipeline, state, round, number, url, finishedAt, reportedAt, reason } = build;
  return {
    system,
    id,
    pipeline,
    state,
    ...(round !== undefined && { round }),
    ...(number !== undefined && { number }),
    ...(url !== undefined && { url }),
    ...(finishedAt !== undefined && { finishedAt }),
    ...(reportedAt !== undefined && { reportedAt }),
    ...(reason !== undefined && { reason }),
  };
}

/** Returns the row that shows these runs; undefined if there are none. */
export function rowOf(key: string, runs: readonly BoardRun[]): BoardRow | undefined {
  const [newest] = runs;
  if (newest === undefined) return undefined;
  const { delivery, runsSince } = newest;
  const isStartUnknown = newest.build.startedAt === undefined && runsSince !== undefined;
  const build = isStartUnknown ? { ...newest.build, startedAt: runsSince } : newest.build;
  const ended = runs.find((run) => endOf(run) !== undefined);
  if (ended === undefined || isResult(build.state)) return { key, build, delivery };
  return { key, build, ended: { ...ended.build, ...endOf(ended) }, delivery };
}

/** Whether the row of these runs shows the reported state: as the newest run, or as the last result before it. */
export function isShown({ build }: ReportedBuild, runs: readonly BoardRun[]): boolean {
  const [newest] = runs;
  if (newest === undefined) return false;
  if (isEqual(newest.build, build)) return true;
  const [end, reportedEnd] = [lastEnd(runs), endOf({ build })];
  return !isResult(newest.build.state) && end !== undefined && reportedEnd !== undefined && isEqual(end, reportedEnd);
}

/** The result of the newest run that has one. */
const lastEnd = (runs: readonly BoardRun[]): RunEnd | undefined => runs.flatMap((run) => endOf(run) ?? []).at(0);

/**
 * The runs that a row shows. None that is as old as the end of its place: a late report of such a run changes nothing. A
 * place that is there again has all its runs again.
 */
export const runsSince = (runs: readonly BoardRun[], { goneAt, backAt = "" }: PlaceTimes): readonly BoardRun[] =>
  goneAt === undefined || backAt >= goneAt ? runs : runs.filter((run) => ageOf(run) > goneAt);

/** The newest reports of both, in any order. */
export function newestTimes(one: PlaceTimes, other: PlaceTimes): PlaceTimes {
  const [goneAt, backAt] = [newest(one.goneAt, other.goneAt), newest(one.backAt, other.backAt)];
  return { ...(goneAt !== undefined && { goneAt }), ...(backAt !== undefined && { backAt }) };
}

const newest = (...times: readonly (string | undefined)[]): string | undefined =>
  times
    .flatMap((time) => time ?? [])
    .sort()
    .at(-1);

/** Gives two values that no time orders the same order everywhere. */
function compareText(one: object, other: object): number {
  const [a, b] = [JSON.stringify(one), JSON.stringify(other)];
  return Number(a > b) - Number(a < b);
}

/** Compares values that are stored as JSON. */
const isEqual = (one: object, other: object): boolean => JSON.stringify(one) === JSON.stringify(other);
