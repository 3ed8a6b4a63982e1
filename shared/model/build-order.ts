import type { BuildPart, BuildState } from "./event.ts";

/** A state of a run, and when it came into that, as far as its sender tells; else when it was received. */
type ReportedState = BuildPart & { readonly reportedAt?: string };

/** What is known of a run's age, from all of its states that were told. */
export interface RunAge {
  readonly build: Pick<BuildPart, "id" | "number">;
  /** When it came into being. Not every sender tells that. */
  readonly createdAt?: string;
  /** When it was first told of. */
  readonly firstReportedAt: string;
}

/**
 * Which of two runs of one pipeline is the later: by their creation where both tell it, else by their numbers, else by when
 * they were first told of. Positive when it is `one`. A run without a time of its own thus never beats one with a time just
 * for the want of it, nor is it beaten.
 */
export function compareRuns(one: RunAge, other: RunAge): number {
  const created = one.createdAt && other.createdAt ? compare(one.createdAt, other.createdAt) : 0;
  return created || compareSequences(one, other) || compare(ageOf(one), ageOf(other));
}

const ageOf = ({ createdAt, firstReportedAt }: RunAge): string => createdAt ?? firstReportedAt;

function compareSequences(one: RunAge, other: RunAge): number {
  const [a, b] = [sequenceOf(one.build), sequenceOf(other.build)];
  return a === undefined || b === undefined ? 0 : a - b;
}

/**
 * Two tokens of one run may call it by two ids, and by one number that they prove; where a time orders the runs, the number
 * may be anybody's word.
 */
export function isSameRun(one: RunAge, other: RunAge): boolean {
  if (one.build.id === other.build.id) return true;
  const sequence = one.createdAt === undefined && other.createdAt === undefined ? sequenceOf(one.build) : undefined;
  return sequence !== undefined && sequence === sequenceOf(other.build);
}

/** An id that is a whole number counts up and is in every telling, which a number for people is not. */
const sequenceOf = ({ id, number }: RunAge["build"]): number | undefined => (WHOLE.test(id) ? Number(id) : number);
const WHOLE = /^\d{1,15}$/;

export const createdAtOf = ({ createdAt, startedAt }: BuildPart): string | undefined => createdAt ?? startedAt;

/**
 * Which of two states of one run is further on: by rank, then by their times. A state told late therefore never replaces
 * one that is further on, a retried build's second end replaces its first, and a run that waits goes on only later.
 *
 * Order of arrival and the senders' event times do not give this order (Tekton has been seen to date `running` before
 * `started`), which is why the state's rank comes before the time.
 */
export const compareStates = (one: ReportedState, other: ReportedState): number =>
  compare(stateOrder(one), stateOrder(other));

function stateOrder({ state, finishedAt, reportedAt = "" }: ReportedState): string {
  return `${RANK[state]}|${isTerminal(state) ? (finishedAt ?? reportedAt) : reportedAt}`;
}

/**
 * Where `build` stands in the life of its pipeline, as text that compares like the order itself, for where nothing but a
 * text can be kept: what tells no time comes before all that does.
 */
export function buildOrder(build: ReportedState): string {
  const number = String(sequenceOf(build) ?? 0).padStart(12, "0");
  return [createdAtOf(build) ?? NO_TIME, number, stateOrder(build)].join("|");
}

/** Compares before every digit. */
const NO_TIME = "-";

const compare = (one: string, other: string): number => Number(one > other) - Number(one < other);

const TERMINAL = 2;
const RANK: Readonly<Record<BuildState, number>> = {
  queued: 0,
  running: 1,
  waiting: 1,
  succeeded: TERMINAL,
  failed: TERMINAL,
  cancelled: TERMINAL,
  timed_out: TERMINAL,
  skipped: TERMINAL,
};

export const isTerminal = (state: BuildState): boolean => RANK[state] === TERMINAL;
