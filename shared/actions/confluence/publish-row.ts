import { type EpochMillis, laterBy } from "../../host/clock.ts";
import type { ActionOutcome } from "../../model/action-outcome.ts";
import type { PageAddress } from "../../model/board.ts";
import type { Board, PageRecord } from "../../store/boards.ts";
import type { ActionDeps } from "../action.ts";
import type { ReportedRow } from "./board-row.ts";
import type { PageClient } from "./client.ts";
import { isCoolingDown, markOf, secondsToWait, versionShowing } from "./page-throttle.ts";
import type { RegionOfPage } from "./region.ts";
import type { TargetCooldown } from "./target-cooldown.ts";
import { type PageUpdated, shown, untilMerged, updatePage } from "./update-page.ts";

/** Upper bound of one attempt. */
export const MAX_ATTEMPT_MS = 60_000;
/** A page's lease outlives the attempt that took it. */
const LEASE_MS = MAX_ATTEMPT_MS + 15_000;

export interface PublishInput {
  readonly client: PageClient;
  readonly rest: TargetCooldown;
  readonly region: RegionOfPage["region"];
  readonly whenMissing: RegionOfPage["whenMissing"];
  readonly progressSeconds: number;
  readonly deps: Pick<ActionDeps, "boards" | "clock" | "random">;
  readonly signal: AbortSignal;
}

/**
 * Puts a row on a page's board, and the board on the page: by this attempt or by another, in a version of its own or
 * together with what else has come. The lease is for thrift alone; what keeps a page right is told in `update-page.ts`.
 */
export async function publishRow(row: ReportedRow, page: PageAddress, showing: PublishInput): Promise<ActionOutcome> {
  const { boards, clock } = showing.deps;
  if (!(await boards.advance(page, row))) {
    return { outcome: "done", summary: `page ${page.id}: a newer state has taken this one's place` };
  }
  const board = await boards.read(page);
  const early = withoutWriting(row.key, page, board, showing);
  if (early) return early;
  const lease = await boards.lease(page, clock.now(), laterBy(clock.now(), LEASE_MS));
  if (!lease) return waitFor(BUSY_SECONDS, `page ${page.id} is being written by another attempt`, showing);
  let { record } = lease;
  try {
    // Between the look and the lease another may have written.
    const late = withoutWriting(row.key, page, { ...board, record }, showing);
    if (late) return late;
    const updated = await updatePage({ ...showing, ...showing.deps, page, row });
    record = recordAfter(record, updated, clock.now());
    return isHopeless(updated, record, clock.now()) ? givenUp(page) : updated.outcome;
  } finally {
    await boards.release(page, lease, record);
  }
}

/** About as long as a write takes. */
const BUSY_SECONDS = 2;

function withoutWriting(
  key: string,
  page: PageAddress,
  board: Board,
  showing: PublishInput,
): ActionOutcome | undefined {
  const pace = { now: showing.deps.clock.now(), progressSeconds: showing.progressSeconds };
  const version = versionShowing(key, board, pace);
  if (version !== undefined) return shown(page, version, "shows this state, written together with others");
  const seconds = Math.max(secondsToWait(board, pace), showing.rest.secondsLeft());
  if (seconds === 0) return undefined;
  const isPageResting = isCoolingDown(board.record, pace.now);
  if (isPageResting && board.record.draftSince !== undefined) return untilMerged(page, seconds);
  const why =
    isPageResting || showing.rest.secondsLeft() > 0
      ? `Confluence asked for page ${page.id} to be left alone for a while`
      : `page ${page.id} has just been written; this state goes into its next version`;
  return waitFor(seconds, why, showing);
}

/** Spread a little, so that the first to come writes for all. */
function waitFor(seconds: number, summary: string, { deps }: PublishInput): ActionOutcome {
  return { outcome: "wait", summary, afterSeconds: seconds + deps.random() * Math.min(seconds, MAX_SPREAD_SECONDS) };
}

const MAX_SPREAD_SECONDS = 2;

function recordAfter(
  { draftSince, ...before }: PageRecord,
  { outcome, seen, hasDraft }: PageUpdated,
  now: EpochMillis,
): PageRecord {
  const rest = "afterSeconds" in outcome ? outcome.afterSeconds : undefined;
  const inTheWaySince = hasDraft ? (draftSince ?? now) : draftSince;
  return {
    ...before,
    ...(!seen && inTheWaySince !== undefined && { draftSince: inTheWaySince }),
    ...(seen && { shown: { at: now, version: seen.version, marks: seen.rows.map(markOf) } }),
    ...(seen?.isOurs && { writtenAt: now }),
    ...(rest !== undefined && { cooldownUntil: laterBy(now, rest * 1_000) }),
  };
}

const MAX_DRAFT_DAYS = 7;

/** Someone has the draft open for longer than an absence explains. */
const isHopeless = ({ hasDraft }: PageUpdated, { draftSince }: PageRecord, now: EpochMillis): boolean =>
  hasDraft === true && draftSince !== undefined && now - draftSince >= MAX_DRAFT_DAYS * 86_400_000;

const givenUp = ({ id }: PageAddress): ActionOutcome => ({
  outcome: "give_up",
  summary: `page ${id} has had an open draft for ${MAX_DRAFT_DAYS} days that cannot be merged with it`,
});
