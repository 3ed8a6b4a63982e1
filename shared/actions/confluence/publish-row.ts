import { type EpochMillis, isAhead, laterBy, toIso } from "../../host/clock.ts";
import type { ActionOutcome } from "../../model/action-outcome.ts";
import type { PageAddress, ReportedRow } from "../../model/board.ts";
import { compareStates } from "../../model/build-order.ts";
import type { BusEvent } from "../../model/bus-event.ts";
import { cut } from "../../model/event.ts";
import type { Board, PageRecord, PageRest } from "../../store/boards.ts";
import type { ActionDeps } from "../action.ts";
import type { LinkHosts } from "../link-hosts.ts";
import { placeOf } from "./board-row.ts";
import type { PageClient } from "./client.ts";
import type { Pace } from "./pace.ts";
import { type AllowedPages, excludedById } from "./page-consent.ts";
import { isCoolingDown, secondsToWait, versionKept, versionShowing } from "./page-throttle.ts";
import type { RegionOfPage } from "./region.ts";
import { type Layout, oldReleases, readLayout } from "./release-row.ts";
import { type BoardShown, knownRefusals, outcomeIfRefused, showBoard } from "./show-board.ts";
import type { SpaceKeys } from "./space-keys.ts";
import type { TargetCooldown } from "./target-cooldown.ts";
import { keeps, type PageUpdate, shown, untilMerged } from "./update-page.ts";

/** Upper bound of one attempt. */
export const MAX_ATTEMPT_MS = 60_000;
/** A page's lease lasts longer than the attempt that holds it. */
const LEASE_MS = MAX_ATTEMPT_MS + 15_000;

export interface PublishInput {
  readonly client: PageClient;
  /** The target's name. */
  readonly target: string;
  /** Somebody asked for this very attempt, so a page is looked at although it rests. */
  readonly isReplay: boolean;
  /** The first cause of the event. */
  readonly origin: BusEvent;
  readonly cooldown: TargetCooldown;
  readonly region: RegionOfPage["region"];
  readonly whenMissing: PageUpdate["whenMissing"];
  readonly allowed: AllowedPages;
  readonly spaceKeys: SpaceKeys;
  readonly layout: Layout;
  readonly showsCode: boolean;
  readonly linkHosts: LinkHosts;
  readonly pace: Pace;
  /** Of the event: the name of the run. */
  readonly subject: string;
  readonly deps: Pick<ActionDeps, "boards" | "clock" | "random" | "decisionWays">;
  readonly signal: AbortSignal;
}

/**
 * Puts a row on a page's board, and the board on the page. Another attempt may write the page, and one version may show
 * several rows. The lease only saves calls; `update-page.ts` describes what keeps a page correct without it.
 */
export async function publishRow(row: ReportedRow, page: PageAddress, input: PublishInput): Promise<ActionOutcome> {
  const exclusion = excludedById(page.id, input.allowed);
  if (exclusion) return exclusion;
  const advanced = await input.deps.boards.advance(page, row);
  if (advanced !== "shown")
    return { outcome: "done", summary: `page ${page.id}: ${NOT_SHOWN[advanced]}`, endedAs: "superseded" };
  return publishBoard(row, { page, board: await readBoard(row, page, input) }, input);
}

const NOT_SHOWN = {
  replaced: "a newer state has replaced this one",
  gone: "the branch, tag, change request or environment of this run is gone",
} as const;

/** Shows the board of a page from which rows have gone, or to which they came back. */
export async function publishChange(delivery: string, page: PageAddress, input: PublishInput): Promise<ActionOutcome> {
  const exclusion = excludedById(page.id, input.allowed);
  if (exclusion) return exclusion;
  return publishBoard({ key: NO_ROW, delivery }, { page, board: await readOwn(page, input) }, input);
}

const readOwn = (page: PageAddress, { deps: { boards }, layout }: PublishInput): Promise<Board> =>
  readLayout(page, { boards, layout });

/** No row has this key. */
const NO_ROW = "";

/** The row that an attempt is about, and the delivery that it is for. */
type Subject = Pick<ReportedRow, "key" | "delivery">;

async function publishBoard(
  row: Subject,
  { page, board }: { readonly page: PageAddress; readonly board: Board },
  input: PublishInput,
): Promise<ActionOutcome> {
  const { boards, clock } = input.deps;
  const early = withoutWriting(row, page, board, input);
  if (early) return early;
  const now = clock.now();
  const lease = await boards.lease(page, now, laterBy(now, LEASE_MS));
  if (!lease) return waitFor(BUSY_SECONDS, `page ${page.id} is being written by another attempt`, input);
  let { record } = lease;
  try {
    // Another attempt may have written between the read and the lease.
    const leased = { ...board, record };
    const late = withoutWriting(row, page, leased, input);
    if (late) return late;
    const kept = versionKept(leased, throttleFor(row, leased, input));
    if (kept !== undefined) return keeps(page, kept);
    record = withoutShown(record);
    const updated = await showBoard({
      ...input,
      ...input.deps,
      page,
      row,
      record: lease.record,
      shownVersion: versionWithRegion(lease.record, input),
    });
    const by = { target: input.target, delivery: row.delivery, region: input.region };
    record = recordAfter(lease.record, updated, { ...by, now: clock.now() });
    return isHopeless(updated, record, clock.now()) ? givenUp(page) : updated.outcome;
  } finally {
    await boards.release(page, lease, record);
  }
}

/** A region that had another name may still be on the page. This one was never there. */
const versionWithRegion = ({ withRegion }: PageRecord, { region }: PublishInput): number | undefined =>
  withRegion?.region === region ? withRegion.version : undefined;

const throttleFor = (row: Subject, board: Board, { deps, pace, isReplay }: PublishInput) => {
  const now = deps.clock.now();
  return { now, pace, refusedWith: knownRefusals({ row, isReplay, pace, now })(board) };
};

/**
 * Reads the board, without a second row for what the row shows: an earlier release, or an earlier report that named no
 * branch, may have placed the run in another row. It is removed from the one that has its earlier state.
 */
async function readBoard(row: ReportedRow, page: PageAddress, input: PublishInput): Promise<Board> {
  const { boards } = input.deps;
  const { subject } = input;
  const board = await readOwn(page, input);
  if (input.layout === "releases") {
    const old = oldReleases(board.rows);
    for (const { key, build } of old) await boards.withdraw(page, key, build);
    return { ...board, rows: board.rows.filter((one) => !old.includes(one)) };
  }
  const others = board.rows.filter(({ key }) => key !== row.key && reporterOf(key) === reporterOf(row.key));
  const former = others.filter((one) => isFormer(one, row));
  const [other, ...more] = others.filter((one) => !former.includes(one) && showsRunOf(row, one, subject));
  for (const { key } of former) await boards.move(page, key, row.key);
  if (other) {
    const own = board.rows.find((one) => one.key === row.key && one.build.id === row.build.id) ?? row;
    const [, ...behind] = [own, other, ...more].sort((a, b) => compareStates(b.build, a.build));
    for (const { key } of behind) await boards.withdraw(page, key, row.build);
  }
  return former.length === 0 && !other ? board : readOwn(page, input);
}

/** A key begins with the source and trust entry, which have no blank. */
const reporterOf = (key: string): string | undefined => key.split(" ")[0];

/** Whether `other` is the row of the same pipeline and place under the pipeline's name, as earlier releases stored it. */
const isFormer = ({ build: other }: ReportedRow, { build }: ReportedRow): boolean =>
  build.pipelineId !== undefined &&
  other.pipelineId === undefined &&
  other.system === build.system &&
  other.pipeline === build.pipeline &&
  placeOf(other) === placeOf(build);

/**
 * Builds and deployments have separate ids; only a deployment has an environment. Earlier releases named some pipelines
 * of Tekton after the run.
 */
const showsRunOf = ({ build }: ReportedRow, { build: other }: ReportedRow, subject: string): boolean =>
  other.id === build.id &&
  other.system === build.system &&
  other.environment === build.environment &&
  [build.pipeline, subject].includes(other.pipeline);

/** About as long as a write takes. */
const BUSY_SECONDS = 2;

function withoutWriting(row: Subject, page: PageAddress, board: Board, input: PublishInput): ActionOutcome | undefined {
  const throttle = throttleFor(row, board, input);
  if (!input.isReplay) {
    const known =
      whileResting(board.record.rest, { page, row }, { ...input, now: throttle.now }) ??
      outcomeIfRefused({ page, row }, board, throttle);
    if (known) return known;
  }
  const version = versionShowing(row.key, board, throttle);
  if (version !== undefined) return shown(page, version, "shows this state, written together with others");
  const seconds = Math.max(secondsToWait(board, throttle), input.cooldown.secondsLeft());
  if (seconds === 0) return undefined;
  const isPageCoolingDown = isCoolingDown(board.record, throttle.now);
  if (isPageCoolingDown && board.record.draftSince !== undefined) return untilMerged(page, seconds);
  const why =
    isPageCoolingDown || input.cooldown.secondsLeft() > 0
      ? `Confluence asked to leave page ${page.id} alone for a while`
      : `page ${page.id} has just been written; this state goes into its next version`;
  return waitFor(seconds, why, input);
}

/**
 * The page does not show the state, so it is given up. The board has it, so the next look at the page shows it. The delivery
 * that found the page unavailable may come here in a later attempt, if it concerns other pages too.
 */
function whileResting(
  rest: PageRest | undefined,
  { page, row }: { readonly page: PageAddress; readonly row: Subject },
  { target, origin, now }: Pick<PublishInput, "target" | "origin"> & { readonly now: EpochMillis },
): ActionOutcome | undefined {
  if (rest?.target !== target || isAhead(rest.since, now) || rest.until <= now) return undefined;
  if (hasEventAfter(rest.since, page, origin.detail)) return undefined;
  const summary = rest.delivery === row.delivery ? rest.why : `${rest.why} (${UNTIL} ${toIso(rest.until)})`;
  return { outcome: "give_up", summary };
}

const UNTIL = "not looked at again before";

/** Somebody edited or restored the page after that time. */
const hasEventAfter = (time: EpochMillis, { site, id }: PageAddress, detail: BusEvent["detail"]): boolean =>
  "page" in detail && detail.page.id === id && detail.page.site === site && Date.parse(detail.time) > time;

/** The wait is spread a little, so that the first attempt writes for all. */
function waitFor(seconds: number, summary: string, { deps }: PublishInput): ActionOutcome {
  return { outcome: "wait", summary, afterSeconds: seconds + deps.random() * Math.min(seconds, MAX_SPREAD_SECONDS) };
}

const MAX_SPREAD_SECONDS = 2;

/** A write whose outcome is unknown may still be made: nothing may rely on what the page showed before. */
const withoutShown = ({ shown: _shown, ...record }: PageRecord): PageRecord => record;

function recordAfter(
  record: PageRecord,
  { outcome, seen, hasDraft, isUnavailable, refused }: BoardShown,
  {
    now,
    region,
    ...by
  }: Pick<PageRest, "target" | "delivery"> & { readonly now: EpochMillis; readonly region: string },
): PageRecord {
  const isUnknown = "unknownOutcome" in outcome && outcome.unknownOutcome === true;
  const { draftSince, refused: _, rest, ...before } = isUnknown ? withoutShown(record) : record;
  const cooldownSeconds = "afterSeconds" in outcome ? outcome.afterSeconds : undefined;
  const isDraftOld = draftSince !== undefined && !isAhead(draftSince, now);
  const blockedSince = hasDraft && !isDraftOld ? now : draftSince;
  return {
    ...before,
    ...(refused.length > 0 && { refused }),
    ...(isUnavailable && { rest: restAfter(rest, { ...by, since: now, why: outcome.summary }) }),
    ...(rest && !isUnavailable && !seen && { rest }),
    ...(!seen && blockedSince !== undefined && { draftSince: blockedSince }),
    ...(seen && { shown: { ...seen.shows, at: now }, withRegion: { version: seen.shows.version, region } }),
    ...(seen?.isOurs && { writtenAt: now }),
    ...(cooldownSeconds !== undefined && { cooldownSince: now, cooldownUntil: laterBy(now, cooldownSeconds * 1_000) }),
  };
}

/** A page that is still unavailable at the second look rests longer. */
function restAfter(before: PageRest | undefined, found: Omit<PageRest, "until">): PageRest {
  const ms = before?.target === found.target ? LONG_REST_MS : FIRST_REST_MS;
  return { ...found, why: cut(found.why, MAX_WHY_LENGTH), until: laterBy(found.since, ms) };
}

const FIRST_REST_MS = 3_600_000;
const LONG_REST_MS = 86_400_000;
const MAX_WHY_LENGTH = 300;

const MAX_DRAFT_DAYS = 7;

/** The draft has been open for longer than a person's absence explains. */
const isHopeless = ({ hasDraft }: BoardShown, { draftSince }: PageRecord, now: EpochMillis): boolean =>
  hasDraft === true && draftSince !== undefined && now - draftSince >= MAX_DRAFT_DAYS * 86_400_000;

const givenUp = ({ id }: PageAddress): ActionOutcome => ({
  outcome: "give_up",
  summary: `page ${id} has had an open draft for ${MAX_DRAFT_DAYS} days that cannot be merged with it`,
});
