import { createHash } from "node:crypto";
import { type EpochMillis, epochMillis, isAhead } from "../../host/clock.ts";
import type { BoardRow } from "../../model/board.ts";
import { isTerminal } from "../../model/build-order.ts";
import type { Board, PageRecord, RefusedRow } from "../../store/boards.ts";
import { renderRow } from "./render-region.ts";

/** The input of the throttle. */
interface Throttle {
  readonly now: EpochMillis;
  /** Shortest time between two writes of a page while no run ends. */
  readonly progressSeconds: number;
}

/** A digest of a row as it is shown, in ten characters. */
export const markOf = (row: BoardRow): string =>
  createHash("sha256").update(renderRow(row)).digest("base64url").slice(0, 10);

/**
 * The page version that shows the row `key` as it is on the board, if it was read or written recently. After that time
 * the page itself has to be read, because a person may have changed it.
 */
export function versionShowing(
  key: string,
  { rows, record }: Board,
  { now, progressSeconds }: Throttle,
): number | undefined {
  const row = rows.find((one) => one.key === key);
  const { shown } = record;
  if (!row || !shown || isAhead(shown.at, now)) return undefined;
  if (now - shown.at > progressSeconds * 1_000 + TRUSTED_MS) return undefined;
  return isShownIn(shown.marks, row) ? shown.version : undefined;
}

/** Longer than an action waits between two reads of the board. */
const TRUSTED_MS = 120_000;

/**
 * Seconds until the page may be written; 0 if it may be written now. The first write after a pause is immediate. The
 * end of a run is written after {@link END_GAP_SECONDS}, so that others can join it. All other writes keep the bounded
 * rate. A time that was recorded by a clock that was ahead delays nothing.
 */
export function secondsToWait(board: Board, { now, progressSeconds }: Throttle): number {
  const { writtenAt } = board.record;
  const gapSeconds = hasNewEnd(board) ? Math.min(END_GAP_SECONDS, progressSeconds) : progressSeconds;
  const nextAt = writtenAt === undefined || isAhead(writtenAt, now) ? 0 : writtenAt + gapSeconds * 1_000;
  return Math.max(0, cooldownEnd(board.record, now) - now, nextAt - now) / 1_000;
}

const END_GAP_SECONDS = 2;

const hasNewEnd = ({ rows, record }: Board): boolean =>
  rows.some(
    (row) => isTerminal(row.build.state) && !isShownIn(record.shown?.marks, row) && !refusedIn(record.refused, row),
  );

/** Whether the marks contain that of the row in this state. */
export const isShownIn = (marks: readonly string[] = [], row: BoardRow): boolean => marks.includes(markOf(row));

/** The entry of the row in this state. */
export const refusedIn = (refused: readonly RefusedRow[] = [], row: BoardRow): RefusedRow | undefined =>
  refused.find(({ mark }) => mark === markOf(row));

/** Returns whether the page waits because Confluence asked for it, and not because of the throttle. */
export const isCoolingDown = (record: PageRecord, now: EpochMillis): boolean => cooldownEnd(record, now) > now;

const cooldownEnd = ({ cooldownSince, cooldownUntil = epochMillis(0) }: PageRecord, now: EpochMillis): EpochMillis =>
  cooldownSince !== undefined && isAhead(cooldownSince, now) ? epochMillis(0) : cooldownUntil;
