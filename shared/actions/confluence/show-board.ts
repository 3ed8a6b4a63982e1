import { type Clock, type EpochMillis, isAhead } from "../../host/clock.ts";
import type { ActionOutcome } from "../../model/action-outcome.ts";
import type { BoardRow, PageAddress, ShownBuild } from "../../model/board.ts";
import { cut } from "../../model/event.ts";
import type { Board, PageRecord, RefusedRow } from "../../store/boards.ts";
import { placeOf } from "./board-row.ts";
import type { Pace } from "./pace.ts";
import { isShownIn, refusedIn, rowMarkOf } from "./page-throttle.ts";
import { readLayout } from "./release-row.ts";
import type { RefusedWith } from "./shown-row.ts";
import { type PageUpdate, type PageUpdated, updatePage } from "./update-page.ts";

interface BoardUpdate extends Omit<PageUpdate, "refusedIn" | "shown"> {
  /** Of the page, at the start of the lease. */
  readonly record: PageRecord;
  /** Somebody asked for this attempt, so the reported row is tried in any case. */
  readonly isReplay: boolean;
  readonly clock: Clock;
}

export interface BoardShown extends PageUpdated {
  /** The rows of the board that the page does not show. */
  readonly refused: readonly RefusedRow[];
}

/**
 * Shows the page's board. If the site refuses the page for a reason that its content may explain, the page is written with
 * fewer rows: first without the reported row, then without all other rows that it has not shown yet, then without both.
 * So one row that the site cannot store, such as one with a character of four bytes in an old MySQL, does not keep the
 * others from the page. At most five writes, and their repetitions after a conflict.
 */
export async function showBoard(update: BoardUpdate): Promise<BoardShown> {
  const { shown: before } = update.record;
  const known = knownRefusals({ ...update, now: update.clock.now() });
  const first = await updatePage({ ...update, shown: before, refusedIn: known });
  if (first.refusedStatus === undefined) return { ...first, refused: refusedAfter(first, update, []) };
  let refusal = { ...first, refusedStatus: first.refusedStatus };
  for (const leavesOut of await selections(known, update)) {
    const status = refusal.refusedStatus;
    const refusedIn: RefusedIn = (board) => (row) => known(board)(row) ?? (leavesOut(row, board) ? status : undefined);
    const shown = await updatePage({ ...update, shown: before, refusedIn });
    if (shown.seen) return withFewerRows(shown, { known, refusedIn, refusal, update });
    if (shown.refusedStatus === undefined) return { ...shown, refused: update.record.refused ?? [] };
    refusal = { ...shown, refusedStatus: shown.refusedStatus };
  }
  return { ...ofThePage(refusal), refused: update.record.refused ?? [] };
}

/** A row is tried again after this, because somebody may have repaired the site or shortened the page. */
const SURE_MS = 86_400_000;
/** Another row was probably the cause, and its own attempt finds that out. */
const UNSURE_MS = 600_000;

const isFresh = ({ at, isSure }: RefusedRow, now: EpochMillis): boolean =>
  !isAhead(at, now) && now - at < (isSure ? SURE_MS : UNSURE_MS);

/** The outcome for a row of the board that the site is known to refuse in this state. */
export function outcomeIfRefused(
  { page, row: { key } }: Pick<BoardUpdate, "page" | "row">,
  { rows, record }: Board,
  { now, pace }: { readonly now: EpochMillis; readonly pace: Pace },
): ActionOutcome | undefined {
  const row = rows.find((one) => one.key === key);
  const entry = row && refusedIn(record.refused, row, pace);
  if (!row || !entry?.isSure || !isFresh(entry, now)) return undefined;
  return leftOut(page, row.build, `it answered ${entry.status}, and this state is not sent again for a day`);
}

/** What the site refused lately is not sent again. The reported row is, unless it alone was the cause. */
export function knownRefusals({
  row: { key },
  isReplay,
  pace,
  now,
}: Pick<BoardUpdate, "row" | "isReplay" | "pace"> & { readonly now: EpochMillis }): RefusedIn {
  return ({ record }) =>
    (row) => {
      const entry = refusedIn(record.refused, row, pace);
      const isTried = row.key === key && (isReplay || !entry?.isSure);
      return entry && isFresh(entry, now) && !isTried ? entry.status : undefined;
    };
}

type RefusedIn = (board: Board) => RefusedWith;
type Selection = (row: BoardRow, board: Board) => boolean;

/** The rows to leave out, one selection after the other. */
async function selections(
  known: RefusedIn,
  { row: { key }, boards, page, pace, layout }: BoardUpdate,
): Promise<readonly Selection[]> {
  const board = await readLayout(page, { boards, layout });
  const isOther: Selection = (row, { record }) => row.key !== key && !isShownIn(record.shown?.marks, row, pace);
  const isReported: Selection = (row) => row.key === key;
  const hasOthers = board.rows.some((row) => isOther(row, board) && known(board)(row) === undefined);
  const hasReported = board.rows.some((row) => row.key === key);
  if (!hasOthers || !hasReported) return [...(hasReported ? [isReported] : []), ...(hasOthers ? [isOther] : [])];
  return [isReported, isOther, (row, now) => isReported(row, now) || isOther(row, now)];
}

interface Fewer {
  readonly known: RefusedIn;
  /** The rows that the page does not show. */
  readonly refusedIn: RefusedIn;
  /** The last write that the site refused. */
  readonly refusal: PageUpdated & { readonly refusedStatus: number };
  readonly update: BoardUpdate;
}

/** The site refused the board, and accepted it with fewer rows. */
async function withFewerRows(shown: PageUpdated, fewer: Fewer): Promise<BoardShown> {
  const { known, refusedIn, refusal, update } = fewer;
  const { row, clock, page } = update;
  const reported = shown.seen?.leftOut.find(({ key }) => key === row.key);
  if (reported && refusal.refusedStatus === SERVER_ERROR) {
    // The site may only have been in trouble for a moment.
    const again = await updatePage({
      ...update,
      shown: update.record.shown,
      refusedIn: (board) => (one) => (one.key === row.key ? known : refusedIn)(board)(one),
    });
    if (again.refusedStatus === undefined) return { ...again, refused: refusedAfter(again, update, []) };
  }
  const isKnown = known(await readLayout(page, update));
  const newlyLeftOut = shown.seen?.leftOut.filter((one) => isKnown(one) === undefined) ?? [];
  const added = newlyLeftOut.map((one): RefusedRow => {
    const isSure = one.key === row.key && one.delivery === row.delivery;
    return {
      mark: rowMarkOf(one, update.pace),
      status: refusal.refusedStatus,
      at: clock.now(),
      ...(isSure && { isSure }),
    };
  });
  const outcome = reported ? leftOut(page, reported.build, refusal.outcome.summary) : shown.outcome;
  return { ...shown, outcome, refused: refusedAfter(shown, update, added) };
}

const SERVER_ERROR = 500;

function leftOut(page: PageAddress, build: ShownBuild, why: string): ActionOutcome {
  const name = cut(`${build.pipeline}${placeOf(build)}`, MAX_NAME_LENGTH);
  return { outcome: "give_up", summary: `page ${page.id} shows all but ${name}, which Confluence refused: ${why}` };
}

const MAX_NAME_LENGTH = 200;

/** An entry of a row that is shown now, or an old entry, has no further use. */
function refusedAfter(
  { seen }: PageUpdated,
  { record, clock, pace }: BoardUpdate,
  added: readonly RefusedRow[],
): readonly RefusedRow[] {
  const now = clock.now();
  const shown = new Set(seen?.rows.map((row) => rowMarkOf(row, pace)));
  const marks = new Set(added.map(({ mark }) => mark));
  const before = (record.refused ?? []).filter(
    (entry) => isFresh(entry, now) && !marks.has(entry.mark) && !shown.has(entry.mark),
  );
  return [...before, ...added].slice(-MAX_REFUSED);
}

/** Bounds the page's record. An entry that is dropped costs a write when its row is tried again. */
const MAX_REFUSED = 100;

/** No rows explain the refusal. Only a person can change what the site says about the page itself. */
function ofThePage({ outcome, refusedStatus }: PageUpdated): PageUpdated {
  if (refusedStatus === SERVER_ERROR) return { outcome };
  return { outcome: { ...outcome, summary: `${outcome.summary}, whatever rows it shows` }, isUnavailable: true };
}
