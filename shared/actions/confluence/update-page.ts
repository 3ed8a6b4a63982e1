import { setTimeout as sleep } from "node:timers/promises";
import type { ActionOutcome } from "../../model/action-outcome.ts";
import type { BoardRow, PageAddress } from "../../model/board.ts";
import { cut } from "../../model/event.ts";
import type { BoardStore, PageShown } from "../../store/boards.ts";
import type { LinkHosts } from "../link-hosts.ts";
import type { FinalOutcome, WriteFailure } from "./classify-response.ts";
import type { PageClient, PageVersion, StoredPage } from "./client.ts";
import { lozengeOf } from "./lozenge.ts";
import type { Pace } from "./pace.ts";
import { needsVersion, rowMarkOf } from "./page-throttle.ts";
import { type RegionOfPage, regionContent, type Splice, spliceRegion } from "./region.ts";
import { renderRegion } from "./render-region.ts";
import { contentMarkOf } from "./same-content.ts";

interface PageUpdate {
  readonly page: PageAddress;
  readonly client: PageClient;
  readonly boards: Pick<BoardStore, "read">;
  readonly region: RegionOfPage["region"];
  readonly whenMissing: RegionOfPage["whenMissing"];
  readonly linkHosts: LinkHosts;
  /**
   * The board's row that this update is about. Its state is written into the page's history. The version's message ends
   * with the delivery's id, which is the same for every try of one delivery and for no other, so it proves a write.
   */
  readonly row: Pick<BoardRow, "key" | "delivery">;
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
  /** What the page shows now, if that is known; `isOurs` if this attempt wrote it. */
  readonly seen?: { readonly shows: Omit<PageShown, "at">; readonly isOurs: boolean };
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
    if (!read.ok) return { outcome: finalOutcomeAfter(last, read.failure) };
    const ended = last && (await outcomeOf(last, read.value, update));
    if (ended) return ended;
    const next = await writeNext(read.value, update);
    if ("outcome" in next) return next;
    last = next;
  }
  return { outcome: unsettled(last) };
}

/** Tries in one attempt. */
const MAX_TRIES = 5;

/** A write that met a conflict, or whose outcome is unknown. */
interface LastTry {
  readonly next: Next;
  readonly failure: Extract<WriteFailure, { readonly kind: "conflict" | "unknown" }>;
}

/** The version to write. */
interface Next extends Pick<StoredPage, "title" | "body"> {
  readonly number: number;
  readonly rows: readonly BoardRow[];
  readonly shows: Omit<PageShown, "at">;
  /** What the page does with this version, for the timeline. */
  readonly does: string;
}

async function writeNext(page: StoredPage, update: PageUpdate): Promise<PageUpdated | LastTry> {
  const { id } = update.page;
  const why = whyUnwritable(page);
  if (why) return ended({ outcome: "give_up", summary: `page ${id} is ${why}` });
  const { rows } = await update.boards.read(update.page);
  const content = renderRegion(rows, { ...update.pace, linkHosts: update.linkHosts });
  const { region, whenMissing, client } = update;
  const splice = spliceRegion(page.body, content, { page: id, region, whenMissing, ...client.newRegion });
  const { number: version } = page.version;
  const shows = (number: number) => showing(number, rows, content, update);
  switch (splice.kind) {
    case "unchanged":
      return {
        outcome: shown(update.page, version, "shows this state already"),
        seen: { shows: shows(version), isOurs: false },
      };
    case "absent":
      return ended({ outcome: "done", summary: `page ${id} has no status region, and gets none` });
    case "unusable":
      return ended({ outcome: "give_up", summary: `page ${id} was not changed: ${splice.why}` });
    case "changed": {
      const kept = keptBy(page.body, rows, update);
      if (kept) return { outcome: keeps(update.page, version), seen: { shows: { ...kept, version }, isOurs: false } };
      const number = version + 1;
      const next = { title: page.title, body: splice.body, number, rows, shows: shows(number) };
      return write({ ...next, does: doesWith(splice) }, update);
    }
  }
}

function showing(version: number, rows: readonly BoardRow[], region: string, { pace }: PageUpdate) {
  const content = contentMarkOf(region);
  return { version, marks: rows.map((row) => rowMarkOf(row, pace)), ...(content !== undefined && { content }) };
}

/** What the page showed, if no row needs a version and nobody has changed the region since. */
function keptBy(body: string, rows: readonly BoardRow[], update: PageUpdate): PageShown | undefined {
  const { shown, pace, page } = update;
  if (!shown || needsVersion({ rows, record: { shown } }, pace)) return undefined;
  const region = regionContent(body, { region: update.region, page: page.id });
  return region !== undefined && contentMarkOf(region) === shown.content ? shown : undefined;
}

/** The outcome of an attempt that causes no version of its own. */
export const keeps = ({ id }: PageAddress, version: number): ActionOutcome => ({
  outcome: "done",
  summary: `page ${id} keeps version ${version}: it shows the same result, and its next version shows this state`,
});

const ended = (outcome: ActionOutcome): PageUpdated => ({ outcome });

const doesWith = ({ from, moved }: Pick<Extract<Splice, { readonly kind: "changed" }>, "from" | "moved">): string =>
  [
    "shows the new state",
    ...(from === undefined ? [] : [`in the region that was copied from page ${from}`]),
    ...(moved === undefined ? [] : ["and what people wrote inside the region was moved to below it"]),
  ].join(", ");

async function write(next: Next, update: PageUpdate): Promise<PageUpdated | LastTry> {
  const { number, rows, title, body } = next;
  const version = { number, message: messageOf(rows, update) };
  const written = await update.client.write(update.page.id, { title, body, version });
  if (written.ok) return made(written.value.number, next, update);
  const { failure } = written;
  if (failure.kind === "end") return ended(failure.ending);
  return failure.kind === "draft" ? { outcome: untilMerged(update.page), hasDraft: true } : { next, failure };
}

const made = (version: number, { shows, does }: Next, { page }: PageUpdate): PageUpdated => ({
  outcome: shown(page, version, does),
  seen: { shows: { ...shows, version }, isOurs: true },
});

/** A person's draft may stay open overnight. This is not a failure of the action, so it waits. */
export const untilMerged = ({ id }: PageAddress, afterSeconds = DRAFT_WAIT_SECONDS): ActionOutcome => ({
  outcome: "wait",
  summary: `page ${id} has an open draft that cannot be merged with it: someone has to open or publish the page`,
  afterSeconds,
  isLong: true,
});
const DRAFT_WAIT_SECONDS = 300;

/**
 * The version's message. It has the state that is written, which may be later than the one that this delivery reported.
 */
function messageOf(rows: readonly BoardRow[], { row: { key, delivery } }: PageUpdate): string {
  const build = rows.find((row) => row.key === key)?.build;
  return `${build ? `${cut(build.pipeline, 120)} ${lozengeOf(build).title} ` : ""}${markOf(delivery)}`;
}

export function whyUnwritable({ status, subtype }: StoredPage): string | undefined {
  if (status !== "current") return `${status} and is not written`;
  // It is not documented how a REST write affects people who are editing a live doc.
  return subtype === "live" ? "a live doc and is not written" : undefined;
}

/** The result of the last try, after the page was read again; undefined if somebody else's version replaced it. */
async function outcomeOf(last: LastTry, page: StoredPage, update: PageUpdate): Promise<PageUpdated | undefined> {
  const { next } = last;
  if (await isWritten(next.number, page.version, update)) return made(next.number, next, update);
  return stillUnknown(last) && page.version.number < next.number ? ended(unsettled(last)) : undefined;
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
  if (last?.failure.kind !== "unknown") return { outcome: "retry", summary: "others kept writing the page" };
  const { why, afterSeconds } = last.failure;
  const wait = afterSeconds === undefined ? {} : { afterSeconds };
  return { outcome: "retry", summary: why, unknownOutcome: true, ...wait };
}

/** The outcome of an attempt after which a version of the page is known to show the state. */
export const shown = ({ id }: PageAddress, version: number, what: string): ActionOutcome => ({
  outcome: "done",
  summary: `page ${id} ${what}`,
  facts: { [`page ${id}`]: `version ${version}` },
});

/** Waits with full jitter before every try except the first. Returns false if the attempt's time is over. */
async function isTimeLeft(tries: number, { random, signal }: PageUpdate): Promise<boolean> {
  if (signal.aborted) return false;
  if (tries === 0) return true;
  const waitMs = random() * BASE_WAIT_MS * 2 ** tries;
  return sleep(waitMs, true, { signal }).catch(() => false);
}

/** Waits of at most 0.3, 0.6, 1.2 and 2.4 seconds. */
const BASE_WAIT_MS = 150;
