import { createHash } from "node:crypto";
import { type EpochMillis, epochMillis, isAhead } from "../../host/clock.ts";
import type { BoardRow, ShownBuild } from "../../model/board.ts";
import { isResult } from "../../model/board-runs.ts";
import { isTerminal } from "../../model/build-order.ts";
import type { Board, PageRecord, RefusedRow } from "../../store/boards.ts";
import { isUrgent } from "./lozenge.ts";
import type { Pace } from "./pace.ts";
import { isFailure, renderRow } from "./render-region.ts";
import { lozengeOfRow, type RefusedWith, shownRow } from "./shown-row.ts";

/** The input of the throttle. */
interface Throttle {
  readonly now: EpochMillis;
  readonly pace: Pace;
  /** The rows that the site refused lately, and that are not tried again now. */
  readonly refusedWith: RefusedWith;
}

/** A digest of what causes a version, and a digest of the row as it is shown. */
export const rowMarkOf = (row: BoardRow, pace: Pick<Pace, "onlyChanges">): string =>
  `${changeMarkOf(row)}${digest(renderRow(row, pace) + JSON.stringify(row.build.release ?? ""))}`;

/** The mark of a row on the page. A row that the page only names has the same mark in every state. */
export const shownMarkOf = (row: BoardRow, { pace, refusedWith }: Omit<Throttle, "now">): string =>
  refusedWith(row) === undefined ? rowMarkOf(row, pace) : nameMarkOf(row);

const nameMarkOf = ({ key }: BoardRow): string => digest(JSON.stringify([key, "only its name"]));

const changeMarkOf = (row: BoardRow): string => digest(JSON.stringify(changeOf(row)));

/** The characters of a digest. */
const MARK_LENGTH = 10;
const digest = (text: string): string => createHash("sha256").update(text).digest("base64url").slice(0, MARK_LENGTH);

/**
 * What of a row a reader acts on. With `onlyChanges` only a change of this causes a version: another result, another
 * failure, a run that waits or no longer waits, a run whose reports stopped or came again, and a decision. A run that goes
 * on, or that passes like the run before it, is no change.
 */
function changeOf(row: BoardRow): readonly unknown[] {
  const { key, build, ended } = row;
  if (build.gate) return [key, build.id, build.gate];
  const result = isResult(build.state) ? build : ended;
  const withoutResult = build.state === "skipped" ? "skipped" : "going on";
  return [
    key,
    result?.state ?? withoutResult,
    result && isFailure(result.state) ? instanceOf(result) : "",
    build.state === "waiting" ? instanceOf(build) : "",
    // Rows without such a mark have the digest of earlier releases, so that an update writes no page again.
    ...(build.lastReport?.isOverdue ? [build.lastReport.at] : []),
  ];
}

/** Distinguishes two states of the same name: of two runs, or of one run that was retried. */
const instanceOf = ({ id, round = "", finishedAt, reportedAt }: ShownBuild): string =>
  [id, round, round === "" ? (finishedAt ?? reportedAt) : ""].join(" ");

/**
 * The page version that shows the row `key` as it is on the board, if it was read or written recently. After that time
 * the page itself has to be read, because a person may have changed it.
 */
export function versionShowing(key: string, { rows, record }: Board, throttle: Throttle): number | undefined {
  const row = rows.find((one) => one.key === key);
  const { shown } = record;
  if (!row || !shown || !isRecent(shown.at, throttle)) return undefined;
  return isShownIn(shown.marks, row, throttle.pace) ? shown.version : undefined;
}

function isRecent(at: EpochMillis, { now, pace }: Throttle): boolean {
  return !isAhead(at, now) && now - at <= pace.progressSeconds * 1_000 + TRUSTED_MS;
}

/** Longer than an action waits between two reads of the board. */
const TRUSTED_MS = 120_000;

/** Whether a version has to be written for the rows: always, or with `onlyChanges` if one of them has a change. */
export function needsVersion(board: Board, { pace, refusedWith }: Omit<Throttle, "now">): boolean {
  const { rows, record } = board;
  if (!pace.onlyChanges || record.shown?.content === undefined) return true;
  return rows.some((row) => isChanged(row, record, refusedWith)) || showsUrgentGone(board, { pace, refusedWith });
}

/**
 * Whether the page shows a row that is gone as one that somebody has to act on. If it shows what no row of the board is,
 * that may be such a row too. A row that passed, and is gone, disappears with the next version.
 */
function showsUrgentGone({ rows, gone, record }: Board, { pace, refusedWith }: Omit<Throttle, "now">): boolean {
  const present = new Set(rows.map((row) => beginningOfMark(row, refusedWith)));
  const harmless = gone.filter((row) => !isUrgent(lozengeOfRow(shownRow(row, pace))));
  for (const row of harmless) present.add(changeMarkOf(row));
  return record.shown?.marks.some((mark) => !present.has(mark.slice(0, MARK_LENGTH))) ?? false;
}

const isChanged = (row: BoardRow, { shown }: PageRecord, refusedWith: RefusedWith): boolean =>
  !shown?.marks.some((one) => one.startsWith(beginningOfMark(row, refusedWith)));

const beginningOfMark = (row: BoardRow, refusedWith: RefusedWith): string =>
  refusedWith(row) === undefined ? changeMarkOf(row) : nameMarkOf(row);

/**
 * The version that the page keeps because no row needs another one. Only the holder of the page's lease may ask: a
 * writer before it whose outcome is unknown has removed what the page is known to show.
 */
export function versionKept(board: Board, throttle: Throttle): number | undefined {
  const { shown } = board.record;
  if (!shown || !isRecent(shown.at, throttle) || needsVersion(board, throttle)) return undefined;
  return shown.version;
}

/**
 * Seconds until the page may be written; 0 if it may be written now. The first write after a pause is immediate. The
 * end of a run is written after `endSeconds`, so that others can join it. All other writes keep the bounded rate. A
 * time that was recorded by a clock that was ahead delays nothing, and nothing delays an attempt that writes nothing.
 */
export function secondsToWait(board: Board, throttle: Throttle): number {
  const { now, pace } = throttle;
  const { writtenAt } = board.record;
  const gapSeconds = hasNewEnd(board, throttle) ? pace.endSeconds : pace.progressSeconds;
  const isFree = writtenAt === undefined || isAhead(writtenAt, now) || !needsVersion(board, throttle);
  const nextAt = isFree ? 0 : writtenAt + gapSeconds * 1_000;
  return Math.max(0, cooldownEnd(board.record, now) - now, nextAt - now) / 1_000;
}

/** The next run may have begun before the end was written: then the row has the end beside that run. */
function hasNewEnd({ rows, record }: Board, { pace, refusedWith }: Throttle): boolean {
  const isNew = (row: BoardRow): boolean =>
    pace.onlyChanges || !isTerminal(row.build.state)
      ? isChanged(row, record, refusedWith)
      : !isShownIn(record.shown?.marks, row, pace);
  const hasEnd = ({ build, ended }: BoardRow): boolean => isTerminal(build.state) || ended !== undefined;
  return rows.some((row) => hasEnd(row) && refusedWith(row) === undefined && isNew(row));
}

/** Whether the marks contain that of the row in this state. */
export const isShownIn = (marks: readonly string[] = [], row: BoardRow, pace: Pick<Pace, "onlyChanges">): boolean =>
  marks.includes(rowMarkOf(row, pace));

/** The entry of the row in this state. */
export const refusedIn = (
  refused: readonly RefusedRow[] = [],
  row: BoardRow,
  pace: Pick<Pace, "onlyChanges">,
): RefusedRow | undefined => {
  // Almost always. The mark of a row costs its rendering.
  if (refused.length === 0) return undefined;
  const mark = rowMarkOf(row, pace);
  return refused.find((entry) => entry.mark === mark);
};

/** Returns whether the page waits because Confluence asked for it, and not because of the throttle. */
export const isCoolingDown = (record: PageRecord, now: EpochMillis): boolean => cooldownEnd(record, now) > now;

const cooldownEnd = ({ cooldownSince, cooldownUntil = epochMillis(0) }: PageRecord, now: EpochMillis): EpochMillis =>
  cooldownSince !== undefined && isAhead(cooldownSince, now) ? epochMillis(0) : cooldownUntil;
