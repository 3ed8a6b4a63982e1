import { createHash } from "node:crypto";
import type { EpochMillis } from "../../host/clock.ts";
import type { BoardRow } from "../../model/board.ts";
import { isTerminal } from "../../model/build-order.ts";
import type { Board, PageRecord } from "../../store/boards.ts";
import { renderRow } from "./render-region.ts";

/** What the pace needs to know. */
interface Now {
  readonly now: EpochMillis;
  /** Least time between two writes of a page while nothing ends. */
  readonly progressSeconds: number;
}

/** Stands for a row as it is shown, in ten letters. */
export const markOf = (row: BoardRow): string =>
  createHash("sha256").update(renderRow(row)).digest("base64url").slice(0, 10);

/**
 * The version that shows the row `key` as the board has it, if the page was seen to show it lately. Later than that the
 * page itself is asked, since a person may have changed it.
 */
export function versionShowing(
  key: string,
  { rows, record }: Board,
  { now, progressSeconds }: Now,
): number | undefined {
  const row = rows.find((one) => one.key === key);
  const { shown } = record;
  if (!row || !shown || now - shown.at > progressSeconds * 1_000 + TRUSTED_MS) return undefined;
  return shown.marks.includes(markOf(row)) ? shown.version : undefined;
}

/** Longer than an action waits between two looks at the board. */
const TRUSTED_MS = 120_000;

/**
 * Seconds until the page may be written, 0 for now. The first write after a pause is made at once, and so is the end of a
 * run but for a moment in which others may join it; all else keeps the bounded rate.
 */
export function secondsToWait(board: Board, pace: Now): number {
  const { cooldownUntil = 0, writtenAt } = board.record;
  const gapSeconds = hasNewEnd(board) ? Math.min(END_GAP_SECONDS, pace.progressSeconds) : pace.progressSeconds;
  const nextAt = writtenAt === undefined ? 0 : writtenAt + gapSeconds * 1_000;
  return Math.max(0, cooldownUntil - pace.now, nextAt - pace.now) / 1_000;
}

const END_GAP_SECONDS = 2;

const hasNewEnd = ({ rows, record }: Board): boolean =>
  rows.some((row) => isTerminal(row.build.state) && !record.shown?.marks.includes(markOf(row)));

/** Confluence asked for patience, not the pace. */
export const isCoolingDown = ({ cooldownUntil }: PageRecord, now: EpochMillis): boolean =>
  cooldownUntil !== undefined && cooldownUntil > now;
