import { setTimeout as sleep } from "node:timers/promises";
import { withoutHidden } from "../../host/hidden-characters.ts";
import type { ActionOutcome } from "../../model/action-outcome.ts";
import type { BoardRow, PageAddress, ShownBuild } from "../../model/board.ts";
import { cut } from "../../model/event.ts";
import type { Board, BoardStore, PageShown } from "../../store/boards.ts";
import type { DecisionWays } from "../action.ts";
import type { LinkHosts } from "../link-hosts.ts";
import type { FinalOutcome, PageFailure, WriteFailure } from "./classify-response.ts";
import type { PageClient, PageVersion, StoredPage } from "./client.ts";
import { codeLine } from "./code-line.ts";
import { lozengeOf } from "./lozenge.ts";
import type { Pace } from "./pace.ts";
import { type AllowedPages, excluded } from "./page-consent.ts";
import type { ReadDocument } from "./page-document.ts";
import { needsVersion, shownMarkOf } from "./page-throttle.ts";
import { type RegionOfPage, regionContent, type Splice, spliceRegion } from "./region.ts";
import { type Layout, readLayout } from "./release-row.ts";
import { renderLayout } from "./render-releases.ts";
import { contentMarkOf } from "./same-content.ts";
import type { RefusedWith } from "./shown-row.ts";
import type { SpaceKeys } from "./space-keys.ts";

export interface PageUpdate {
  readonly page: PageAddress;
  readonly client: PageClient;
  readonly boards: Pick<BoardStore, "read">;
  readonly region: RegionOfPage["region"];
  /** `unknown`: whether the page asks for a region is found out by a search that failed. */
  readonly whenMissing: RegionOfPage["whenMissing"] | "unknown";
  readonly allowed: AllowedPages;
  readonly spaceKeys: SpaceKeys;
  /** The newest version that is known to have had this region. A page without the region then lost it by an edit. */
  readonly shownVersion: number | undefined;
  readonly layout: Layout;
  /** The region's last line says how far the code moved on that the page documents. */
  readonly showsCode: boolean;
  readonly linkHosts: LinkHosts;
  readonly decisionWays: DecisionWays;
  /**
   * The board's row that this update is about. Its state is written into the page's history. The version's message ends
   * with the delivery's id, which is the same for every try of one delivery and for no other, so it proves a write.
   */
  readonly row: Pick<BoardRow, "key" | "delivery">;
  /** The rows of the board that the page only names. */
  readonly refusedIn: (board: Board) => RefusedWith;
  readonly pace: Pace;
  /** What the page is known to have shown. With `onlyChanges` it keeps that while its region has that content. */
  readonly shown: PageShown | undefined;
  readonly random: () => number;
  readonly signal: AbortSignal;
}

export interface PageUpdated {
  readonly outcome: ActionOutcome;
  /** A person's open draft prevents the write. */
  readonly hasDraft?: true;
  /** It cannot be written until a person changes it, or what the account may do. */
  readonly isUnavailable?: true;
  /** The status with which the site refused to store the page as it would become. */
  readonly refusedStatus?: number;
  /** What the page shows now, if that is known: `rows`, and the names of `leftOut`. `isOurs` if this attempt wrote it. */
  readonly seen?: {
    readonly shows: Omit<PageShown, "at">;
    readonly rows: readonly BoardRow[];
    readonly leftOut: readonly BoardRow[];
    readonly isOurs: boolean;
  };
}

/**
 * Shows the page's board in its region. One try reads the page, then the board, splices, and writes the next version.
 *
 * This order prevents a state from going backwards. A writer that creates version n + 1 read the board after version n
 * was created, so it knows all that n shows. A writer that read the board earlier is based on an older version and gets
 * a 409. This needs strongly consistent reads of the board and no lock, whatever the number of writers.
 *
 * After a 409 the new body is read and spliced. The old body is never sent with a higher number: a person's edit wins.
 */
export async function updatePage(update: PageUpdate): Promise<PageUpdated> {
  let last: LastTry | undefined;
  for (let tries = 0; tries < MAX_TRIES && (await isTimeLeft(tries, update)); tries++) {
    const read = await update.client.read(update.page.id);
    if (!read.ok) return failedWith(update.page, read.failure, finalOutcomeAfter(last, read.failure.ending));
    const ended = last && (await outcomeOf(last, read.value, update));
    if (ended) return ended;
    const next = await writeNext(read.value, update);
    if ("outcome" in next) return next;
    last = next;
  }
  return ended(named(update.page, unsettled(last)));
}

/** Tries of one write. */
export const MAX_TRIES = 5;

/** A write that met a conflict, or whose outcome is unknown. */
interface LastTry {
  readonly next: Next;
  readonly failure: Extract<WriteFailure, { readonly kind: "conflict" | "unknown" }>;
}

/** The version to write. */
interface Next extends Pick<StoredPage, "title" | "format" | "body"> {
  readonly number: number;
  readonly rows: readonly BoardRow[];
  readonly refusedWith: RefusedWith;
  readonly shows: Omit<PageShown, "at">;
  /** What the page does with this version, for the timeline. */
  readonly does: string;
}

async function writeNext(page: StoredPage, update: PageUpdate): Promise<PageUpdated | LastTry> {
  const { id } = update.page;
  const exclusion = await excluded(id, page, update);
  if (exclusion) return ended(exclusion);
  const why = whyUnwritable(page);
  if (why) return { outcome: { outcome: "give_up", summary: `page ${id} is ${why}` }, isUnavailable: true };
  const board = await readLayout(update.page, update);
  const { rows } = board;
  const { region, client, linkHosts, decisionWays, pace, layout } = update;
  const missing = whenMissingOn(page, update);
  const whenMissing = missing === "append" ? "append" : "skip";
  const refusedWith = update.refusedIn(board);
  const look = { ...pace, linkHosts, decisionWays, refusedWith, isFlat: client.isFlat };
  const content = renderLayout(rows, look, layout);
  const document = await page.format.read(page.body);
  const lastLine = update.showsCode && board.code ? codeLine(board.code, linkHosts) : "";
  const splice = await spliceRegion(document, content, {
    page: id,
    region,
    whenMissing,
    lastLine,
    ...client.newRegion,
  });
  const { number: version } = page.version;
  const title = cut(page.title, MAX_TITLE_LENGTH);
  const shows = (number: number) => ({ ...showing(number, rows, content, { pace, refusedWith }), title });
  switch (splice.kind) {
    case "unchanged":
      return {
        outcome: shown(update.page, version, "shows this state already"),
        seen: { shows: shows(version), ...divided(rows, refusedWith), isOurs: false },
      };
    case "absent":
      return ended(missing === "unknown" ? notSearched(update) : absent(update));
    case "unusable":
      return ended({ outcome: "give_up", summary: `page ${id} was not changed: ${splice.why}` });
    case "changed": {
      const kept = keptBy(document, board, { ...update, refusedWith });
      if (kept) {
        const seen = { shows: { ...kept, version }, ...divided(rows, refusedWith), isOurs: false };
        return { outcome: keeps(update.page, version), seen };
      }
      const number = version + 1;
      const { title: fullTitle, format } = page;
      const next = { title: fullTitle, format, body: splice.body, number, rows, refusedWith, shows: shows(number) };
      return write({ ...next, does: doesWith(splice) }, update);
    }
  }
}

const MAX_TITLE_LENGTH = 100;

/** The label with the region's name asks for one. A region that a person removed is not added again without it. */
const whenMissingOn = ({ labels }: StoredPage, { region, shownVersion, whenMissing }: PageUpdate) => {
  if (labels.includes(region)) return "append";
  return shownVersion === undefined ? whenMissing : "skip";
};

const notSearched = ({ page: { id } }: PageUpdate): ActionOutcome => ({
  outcome: "retry",
  summary: `page ${id} has no status region, and may ask for one`,
  targetAnswered: true,
});

function absent({ page: { id }, region, shownVersion }: PageUpdate): ActionOutcome {
  const why =
    shownVersion === undefined
      ? "has no status region, and gets none"
      : `lost its status region after version ${shownVersion}, and gets none again`;
  return { outcome: "done", summary: `page ${id} ${why}: the label ${region} on the page asks for one` };
}

type Showing = Pick<PageUpdate, "pace"> & { readonly refusedWith: RefusedWith };

function showing(version: number, rows: readonly BoardRow[], region: string, as: Showing): Omit<PageShown, "at"> {
  const content = contentMarkOf(region);
  return { version, marks: rows.map((row) => shownMarkOf(row, as)), ...(content !== undefined && { content }) };
}

/** What the page showed, if no row needs a version and nobody has changed the region since. */
function keptBy(document: ReadDocument, board: Board, update: PageUpdate & Showing): PageShown | undefined {
  const { shown, page } = update;
  if (!shown || needsVersion({ ...board, record: { shown } }, update)) return undefined;
  const region = regionContent(document, { region: update.region, page: page.id });
  return region !== undefined && contentMarkOf(region) === shown.content ? shown : undefined;
}

/** The outcome of an attempt that causes no version of its own. */
export const keeps = ({ id }: PageAddress, version: number): ActionOutcome => ({
  outcome: "done",
  summary: `page ${id} keeps version ${version}: it shows the same result, and its next version shows this state`,
});

const ended = (outcome: ActionOutcome): PageUpdated => ({ outcome });

const failedWith = (page: PageAddress, { kind }: PageFailure, ending: FinalOutcome): PageUpdated => ({
  outcome: named(page, ending),
  ...(kind === "unavailable" && { isUnavailable: true }),
});

/** One event may concern several pages. */
export const named = <Outcome extends ActionOutcome>({ id }: PageAddress, outcome: Outcome): Outcome => ({
  ...outcome,
  summary: `page ${id}: ${outcome.summary}`,
});

const doesWith = ({ from, moved }: Pick<Extract<Splice, { readonly kind: "changed" }>, "from" | "moved">): string =>
  [
    "shows the new state",
    ...(from === undefined ? [] : [`in the region that was copied from page ${from}`]),
    ...(moved === undefined ? [] : ["and what people wrote inside the region was moved to below it"]),
  ].join(", ");

async function write(next: Next, update: PageUpdate): Promise<PageUpdated | LastTry> {
  const { number, title, format, body } = next;
  const version = { number, message: messageOf(next, update) };
  const written = await update.client.write(update.page.id, { title, format, body, version });
  if (written.ok) return made(written.value.number, next, update);
  const { failure } = written;
  switch (failure.kind) {
    case "conflict":
    case "unknown":
      return { next, failure };
    case "draft":
      return { outcome: untilMerged(update.page), hasDraft: true };
    case "content":
      return { outcome: named(update.page, failure.ending), refusedStatus: failure.status };
    case "end":
    case "unavailable":
      return failedWith(update.page, failure, failure.ending);
  }
}

const made = (version: number, { shows, rows, refusedWith, does }: Next, { page }: PageUpdate): PageUpdated => ({
  outcome: shown(page, version, does),
  seen: { shows: { ...shows, version }, ...divided(rows, refusedWith), isOurs: true },
});

const divided = (rows: readonly BoardRow[], refusedWith: RefusedWith) => ({
  rows: rows.filter((row) => refusedWith(row) === undefined),
  leftOut: rows.filter((row) => refusedWith(row) !== undefined),
});

/** A person's draft may stay open overnight. This is not a failure of the action, so it waits. */
export const untilMerged = ({ id }: PageAddress, afterSeconds = DRAFT_WAIT_SECONDS): ActionOutcome => ({
  outcome: "wait",
  summary: `page ${id} has an open draft that cannot be merged with it: someone has to open or publish the page`,
  afterSeconds,
  isLong: true,
  waitsFor: `the person with the draft of page ${id}`,
});
const DRAFT_WAIT_SECONDS = 300;

/**
 * The version's message. It has the state that is written, which may be later than the one that this delivery reported. It
 * does not name a row that the site refused, because the site may refuse the message for the same text.
 */
function messageOf({ rows, refusedWith }: Next, { row: { key, delivery } }: PageUpdate): string {
  const build = rows.find((row) => row.key === key && refusedWith(row) === undefined)?.build;
  return `${build ? `${cut(withoutHidden(build.pipeline), 120)} ${wordOf(build)} ` : ""}${markOf(delivery)}`;
}

const wordOf = (build: ShownBuild): string =>
  build.release?.kind === "decision" ? "decision" : lozengeOf(build).title;

export function whyUnwritable({ status, subtype }: StoredPage): string | undefined {
  if (status !== "current") return `${status} and is not written`;
  // It is not documented how a REST write affects people who are editing a live doc.
  const other = OTHER_KINDS.get(subtype ?? "");
  return other && `${other} and is not written`;
}

const OTHER_KINDS: ReadonlyMap<string, string> = new Map([
  ["live", "a live doc"],
  ["blogpost", "a blog post"],
  ["comment", "a comment"],
  ["attachment", "an attachment"],
]);

/** The result of the last try, after the page was read again; undefined if somebody else's version replaced it. */
async function outcomeOf(last: LastTry, page: StoredPage, update: PageUpdate): Promise<PageUpdated | undefined> {
  const { next } = last;
  if (await isWritten(next.number, page.version, update)) return made(next.number, next, update);
  if (!stillUnknown(last) || page.version.number >= next.number) return undefined;
  const outcome = named(update.page, unsettled(last));
  const status = last.failure.kind === "unknown" ? last.failure.status : undefined;
  return { outcome, ...(status !== undefined && { refusedStatus: status }) };
}

/** If a version cannot be looked up, the next splice finds our content unchanged, so this may return false. */
async function isWritten(
  number: number,
  current: PageVersion,
  { client, page, row: { delivery } }: PageUpdate,
): Promise<boolean> {
  if (current.number < number) return false;
  if (current.number === number) return current.message.endsWith(markOf(delivery));
  const made = await client.version(page.id, number);
  return made.ok && made.value.message.endsWith(markOf(delivery));
}

const markOf = (delivery: string): string => `[${delivery}]`;

const stillUnknown = (last: LastTry | undefined): boolean => last?.failure.kind === "unknown";

const finalOutcomeAfter = (last: LastTry | undefined, ending: FinalOutcome): FinalOutcome =>
  ending.outcome === "retry" && stillUnknown(last) ? { ...ending, unknownOutcome: true } : ending;

function unsettled(last: LastTry | undefined): FinalOutcome {
  if (last?.failure.kind !== "unknown")
    return { outcome: "retry", summary: "others kept writing the page", targetAnswered: true };
  const { why, afterSeconds } = last.failure;
  const wait = afterSeconds === undefined ? {} : { afterSeconds };
  return { outcome: "retry", summary: why, unknownOutcome: true, ...wait };
}

/** The outcome of an attempt after which a version of the page is known to show the state. */
export const shown = ({ id }: PageAddress, version: number, what: string): ActionOutcome => ({
  outcome: "done",
  summary: `page ${id} ${what}`,
  facts: { [factName({ id })]: `version ${version}` },
});

/** The fact that an outcome has if a page shows the state. */
export const factName = ({ id }: Pick<PageAddress, "id">): string => `page ${id}`;

/** Waits with full jitter before every try except the first. Returns false if the attempt's time is over. */
export async function isTimeLeft(
  tries: number,
  { random, signal }: Pick<PageUpdate, "random" | "signal">,
): Promise<boolean> {
  if (signal.aborted) return false;
  if (tries === 0) return true;
  const waitMs = random() * BASE_WAIT_MS * 2 ** tries;
  return sleep(waitMs, true, { signal }).catch(() => false);
}

/** Waits of at most 0.3, 0.6, 1.2 and 2.4 seconds. */
const BASE_WAIT_MS = 150;
