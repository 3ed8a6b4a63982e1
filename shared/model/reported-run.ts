import { type EpochMillis, epochMillis, isAhead } from "../host/clock.ts";
import { compareStates, isTerminal } from "./build-order.ts";
import type { BusEvent } from "./bus-event.ts";
import type { BuildPart } from "./event.ts";

/** What is known of the reports of one run. */
export interface ReportedRun {
  /** When the bridge received the newest report. */
  readonly lastAt: EpochMillis;
  /** The report of the furthest state, which pages show. After the end of a run no report is overdue. */
  readonly furthest: FurthestReport;
  /** What pages show of it, or will show. Undefined if no report was ever overdue. */
  readonly shown?: ShownReport;
}

/** A report, as far as others are compared with it. */
export interface FurthestReport extends Pick<BuildPart, "state" | "round" | "finishedAt"> {
  readonly delivery: string;
  /** The id of its event. */
  readonly event: string;
  /** Two reports of one state have the same key. */
  readonly eventKey: string;
  readonly reportedAt: string;
}

export interface ShownReport {
  /** Odd: the next report was overdue. Even: reports came again. */
  readonly turn: number;
  /** The values of `lastAt` and of the furthest report's `event` then. */
  readonly lastAt: EpochMillis;
  readonly event: string;
  /** Perhaps it is not recorded yet that pages show it. */
  readonly isPending?: true;
}

/** The report of a run in an event; undefined if the event reports none. */
export function reportIn({ detail }: BusEvent): FurthestReport | undefined {
  if (!("build" in detail)) return undefined;
  const { state, round, finishedAt } = detail.build;
  return {
    delivery: detail.delivery,
    event: detail.id,
    eventKey: detail.eventKey,
    state,
    ...(round !== undefined && { round }),
    ...(finishedAt !== undefined && { finishedAt }),
    reportedAt: detail.time,
  };
}

interface ReceivedReport {
  readonly report: FurthestReport;
  readonly receivedAt: EpochMillis;
  readonly now: EpochMillis;
}

/**
 * Adds a report, in any order of arrival. Returns `known` itself if the report adds nothing, as when it is added again. A
 * time that was stored by a clock that was ahead hides no report.
 */
export function withReport(known: ReportedRun | undefined, { report, receivedAt, now }: ReceivedReport): ReportedRun {
  if (known === undefined) return { lastAt: receivedAt, furthest: report };
  const isNewer = receivedAt > known.lastAt || isAhead(known.lastAt, now);
  const isFurther = report.eventKey !== known.furthest.eventKey && compare(report, known.furthest) > 0;
  if (!isFurther && (!isNewer || hasEnded(known))) return known;
  return {
    ...known,
    lastAt: isNewer ? receivedAt : known.lastAt,
    furthest: isFurther ? report : known.furthest,
  };
}

const hasEnded = ({ furthest }: ReportedRun): boolean => isTerminal(furthest.state);

const compare = (one: FurthestReport, other: FurthestReport): number => compareStates(asBuild(one), asBuild(other));

/** Only the members that order states count. */
const asBuild = (report: FurthestReport) => ({ system: "", id: "", pipeline: "", ...report });

/** Whether the report on a page was the last one for too long. */
export const isOverdue = ({ turn }: Pick<ShownReport, "turn">): boolean => turn % 2 === 1;

/**
 * Returns the run with what pages have to show of it at `now`; `known` itself if that is what they show. A mark ends with
 * the next report, of whatever state. It is repeated for another state that was received before the last report.
 */
export function withTurn(known: ReportedRun, { boundMs, now }: Bound): ReportedRun {
  const run = isAhead(known.lastAt, now) ? { ...known, lastAt: now } : known;
  const turns = turnsTo(run, { boundMs, now });
  if (turns === 0) return run;
  const { lastAt, furthest, shown: { turn } = { turn: 0 } } = run;
  return { ...run, shown: { turn: turn + turns, lastAt, event: furthest.event, isPending: true } };
}

/** The run after it was recorded what pages show. */
export function withoutPending(run: ReportedRun): ReportedRun {
  if (run.shown === undefined) return run;
  const { isPending: _, ...shown } = run.shown;
  return { ...run, shown };
}

export interface Bound {
  /** The time without a report after which the next one is overdue. */
  readonly boundMs: number;
  readonly now: EpochMillis;
}

function turnsTo(run: ReportedRun, { boundMs, now }: Bound): 0 | 1 | 2 {
  const { lastAt, furthest, shown } = run;
  if (hasEnded(run)) return 0;
  if (shown === undefined || !isOverdue(shown)) return lastAt + boundMs <= now ? 1 : 0;
  if (shown.lastAt !== lastAt) return 1;
  return shown.event === furthest.event ? 0 : 2;
}

/** When the run has to be looked at; undefined if only another report changes what pages show. */
export function dueAtOf(run: ReportedRun, { boundMs, now }: Bound): EpochMillis | undefined {
  if (hasEnded(run)) return undefined;
  if (run.shown?.isPending || turnsTo(run, { boundMs, now }) > 0) return now;
  return run.shown && isOverdue(run.shown) ? undefined : epochMillis(run.lastAt + boundMs);
}
