import type { BuildPart, BuildState } from "./event.ts";

/**
 * A state of a run. `reportedAt`: when it entered the state, if its sender reported that; else when it was received.
 */
type ReportedState = BuildPart & { readonly reportedAt?: string };

/** The age of a run, from all its reported states. */
export interface RunAge {
  readonly build: Pick<BuildPart, "id" | "number">;
  /** When the run was created. Not every sender reports it. */
  readonly createdAt?: string;
  /** When the run was first reported. */
  readonly firstReportedAt: string;
}

/**
 * Compares two runs of one pipeline: by creation time if both have one, else by number, else by the time of the first
 * report. Positive if `one` is later. A missing creation time alone thus makes a run neither earlier nor later.
 */
export function compareRuns(one: RunAge, other: RunAge): number {
  const created = one.createdAt && other.createdAt ? compare(one.createdAt, other.createdAt) : 0;
  return created || compareSequences(one, other) || compare(ageOf(one), ageOf(other));
}

/** When a run was created; else when it was first reported. */
export const ageOf = ({ createdAt, firstReportedAt }: RunAge): string => createdAt ?? firstReportedAt;

function compareSequences(one: RunAge, other: RunAge): number {
  const [a, b] = [sequenceOf(one.build), sequenceOf(other.build)];
  return a === undefined || b === undefined ? 0 : a - b;
}

/**
 * Whether two reports are about the same run. Two tokens of one run may have different ids but the same proved number.
 * If the runs have a creation time, the number may be unproved and is not compared.
 */
export function isSameRun(one: RunAge, other: RunAge): boolean {
  if (one.build.id === other.build.id) return true;
  const sequence = one.createdAt === undefined && other.createdAt === undefined ? sequenceOf(one.build) : undefined;
  return sequence !== undefined && sequence === sequenceOf(other.build);
}

/** An id that is a whole number increases and is in every report; a number for people may be missing. */
const sequenceOf = ({ id, number }: RunAge["build"]): number | undefined => (WHOLE.test(id) ? Number(id) : number);
const WHOLE = /^\d{1,15}$/;

export const createdAtOf = ({ createdAt, startedAt }: BuildPart): string | undefined => createdAt ?? startedAt;

/**
 * Compares two states of one run: by round, then by rank, then by time. A late report therefore never replaces a further
 * state, and a run that continues after a gate or is retried moves on. Without rounds, the second end of a retried build
 * replaces its first, and a waiting run continues only with a later state.
 *
 * The order of arrival and the event times of senders are not reliable (Tekton has dated `running` before `started`),
 * so the rank is compared before the time.
 */
export const compareStates = (one: ReportedState, other: ReportedState): number =>
  compare(one.round ?? "", other.round ?? "") || compare(stateOrder(one), stateOrder(other));

/** Without rounds, only the time orders running and waiting. */
function stateOrder({ state, round, finishedAt, reportedAt = "" }: ReportedState): string {
  if (isTerminal(state)) return `${TERMINAL}|${finishedAt ?? reportedAt}`;
  return round === undefined ? `${Math.min(RANK[state], RANK.running)}|${reportedAt}` : `${RANK[state]}|`;
}

/**
 * Encodes the position of `build` in the history of its pipeline as text that compares in the same order, for a target
 * that can only store text. A build without a creation time sorts before every build with one.
 */
export function buildOrder(build: ReportedState): string {
  const number = String(sequenceOf(build) ?? 0).padStart(12, "0");
  const { round } = build;
  const state = round === undefined ? stateOrder(build) : `${round}|${stateOrder(build)}`;
  return [createdAtOf(build) ?? NO_TIME, number, state].join("|");
}

/** Sorts before every digit. */
const NO_TIME = "-";

const compare = (one: string, other: string): number => Number(one > other) - Number(one < other);

const TERMINAL = 3;
const RANK = {
  queued: 0,
  running: 1,
  waiting: 2,
  succeeded: TERMINAL,
  failed: TERMINAL,
  cancelled: TERMINAL,
  timed_out: TERMINAL,
  skipped: TERMINAL,
} as const satisfies Record<BuildState, number>;

export const isTerminal = (state: BuildState): boolean => RANK[state] === TERMINAL;
