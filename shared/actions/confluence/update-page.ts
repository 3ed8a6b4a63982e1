import { setTimeout as sleep } from "node:timers/promises";
import type { ActionOutcome } from "../../model/action-outcome.ts";
import type { BoardRow, PageAddress } from "../../model/board.ts";
import { cut } from "../../model/event.ts";
import type { BoardStore } from "../../store/boards.ts";
import type { FinalOutcome, WriteFailure } from "./classify-response.ts";
import type { PageClient, PageVersion, StoredPage } from "./client.ts";
import { type RegionOfPage, spliceRegion } from "./region.ts";
import { renderRegion } from "./render-region.ts";

interface PageUpdate {
  readonly page: PageAddress;
  readonly client: PageClient;
  readonly boards: Pick<BoardStore, "read">;
  readonly region: RegionOfPage["region"];
  readonly whenMissing: RegionOfPage["whenMissing"];
  /**
   * The board's row that this is about: its state as written goes into the page's history. The delivery ends the version's
   * message: the same for every try of one delivery and for no other, so that it proves a write.
   */
  readonly row: Pick<BoardRow, "key" | "delivery">;
  readonly random: () => number;
  readonly signal: AbortSignal;
}

export interface PageUpdated {
  readonly outcome: ActionOutcome;
  /** A person's open draft stands in the way. */
  readonly hasDraft?: true;
  /** The version that shows these rows, where one does now; `isOurs` if it was made here. */
  readonly seen?: { readonly version: number; readonly rows: readonly BoardRow[]; readonly isOurs: boolean };
}

/**
 * Shows the page's board in its region. One try reads the page, then the board, splices, and writes the next version.
 *
 * That order keeps a state from ever going backwards: whoever makes version n + 1 read the board after version n was
 * made, and so knows all that n shows; whoever read the board before builds on an older version and meets a 409. It takes
 * a board that is read with strong consistency, and no lock, whatever the number of writers.
 *
 * After a 409 the new body is read and spliced, never the old one sent with a higher number: a person's edit wins.
 */
export async function updatePage(update: PageUpdate): Promise<PageUpdated> {
  let last: LastTry | undefined;
  for (let tries = 0; tries < MAX_TRIES && (await isTimeLeft(tries, update)); tries++) {
    const read = await update.client.read(update.page.id);
    if (!read.ok) return { outcome: finalOutcomeAfter(last, read.setback) };
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

/** A write that met a conflict, or of which no certain answer came. */
interface LastTry {
  readonly next: Next;
  readonly setback: Extract<WriteFailure, { readonly kind: "conflict" | "unknown" }>;
}

/** A version to be made. */
interface Next extends Pick<StoredPage, "title" | "body"> {
  readonly number: number;
  readonly rows: readonly BoardRow[];
  /** What the page does with it, for the timeline. */
  readonly does: string;
}

async function writeNext(page: StoredPage, update: PageUpdate): Promise<PageUpdated | LastTry> {
  const { id } = update.page;
  const why = whyUnwritable(page);
  if (why) return ended({ outcome: "give_up", summary: `page ${id} is ${why}` });
  const { rows } = await update.boards.read(update.page);
  const content = renderRegion(rows);
  const splice = spliceRegion(page.body, content, { ...update, page: id });
  switch (splice.kind) {
    case "unchanged": {
      const version = page.version.number;
      return {
        outcome: shown(update.page, version, "shows this state already"),
        seen: { version, rows, isOurs: false },
      };
    }
    case "absent":
      return ended({ outcome: "done", summary: `page ${id} has no status region, and is to get none` });
    case "unusable":
      return ended({ outcome: "give_up", summary: `page ${id} was left as it is: ${splice.why}` });
    case "changed":
      return write(
        { title: page.title, body: splice.body, number: page.version.number + 1, rows, does: doesWith(splice.from) },
        update,
      );
  }
}

const ended = (outcome: ActionOutcome): PageUpdated => ({ outcome });

const doesWith = (from: string | undefined): string =>
  from === undefined ? "shows the new state" : `shows the new state, in the region that a copy of page ${from} brought`;

async function write(next: Next, update: PageUpdate): Promise<PageUpdated | LastTry> {
  const { number, rows, title, body } = next;
  const version = { number, message: messageOf(rows, update) };
  const written = await update.client.write(update.page.id, { title, body, version });
  if (written.ok) return made(written.value.number, next, update);
  const { setback } = written;
  if (setback.kind === "end") return ended(setback.ending);
  return setback.kind === "draft" ? { outcome: untilMerged(update.page), hasDraft: true } : { next, setback };
}

const made = (version: number, { rows, does }: Next, { page }: PageUpdate): PageUpdated => ({
  outcome: shown(page, version, does),
  seen: { version, rows, isOurs: true },
});

/** A person's draft may stay open overnight: that is no failure of the action, and it waits. */
export const untilMerged = ({ id }: PageAddress, afterSeconds = DRAFT_WAIT_SECONDS): ActionOutcome => ({
  outcome: "wait",
  summary: `page ${id} has an open draft that cannot be merged with it: someone has to open or publish the page`,
  afterSeconds,
  isLong: true,
});
const DRAFT_WAIT_SECONDS = 300;

/** Tells the state that is written, which may be further on than the one that this delivery told. */
function messageOf(rows: readonly BoardRow[], { row: { key, delivery } }: PageUpdate): string {
  const build = rows.find((row) => row.key === key)?.build;
  return `${build ? `${cut(build.pipeline, 120)} ${build.state} ` : ""}${markOf(delivery)}`;
}

function whyUnwritable({ status, subtype }: StoredPage): string | undefined {
  if (status !== "current") return `${status}, and is not written`;
  // What a REST write does to people who are editing a live doc is not documented.
  return subtype === "live" ? "a live doc, and is not written" : undefined;
}

/** How the last try turned out, now that the page is read again; nothing if someone else's version took its place. */
async function outcomeOf(last: LastTry, page: StoredPage, update: PageUpdate): Promise<PageUpdated | undefined> {
  const { next } = last;
  if (await landed(next.number, page.version, update)) return made(next.number, next, update);
  return stillUnknown(last) && page.version.number < next.number ? ended(unsettled(last)) : undefined;
}

/** Where a version cannot be looked up, splicing again serves as well: what we wrote is then found unchanged. */
async function landed(
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

const stillUnknown = (last: LastTry | undefined): boolean => last?.setback.kind === "unknown";

const finalOutcomeAfter = (last: LastTry | undefined, ending: FinalOutcome): FinalOutcome =>
  ending.outcome === "retry" && stillUnknown(last) ? { ...ending, unknownOutcome: true } : ending;

function unsettled(last: LastTry | undefined): FinalOutcome {
  if (last?.setback.kind !== "unknown") return { outcome: "retry", summary: "others kept writing the page" };
  const { why, afterSeconds } = last.setback;
  const wait = afterSeconds === undefined ? {} : { afterSeconds };
  return { outcome: "retry", summary: why, unknownOutcome: true, ...wait };
}

/** The ending of an attempt after which a version of the page is known to show what it should. */
export const shown = ({ id }: PageAddress, version: number, what: string): ActionOutcome => ({
  outcome: "done",
  summary: `page ${id} ${what}`,
  facts: { [`page ${id}`]: `version ${version}` },
});

/** Full jitter before every try but the first; false when the attempt's time is over. */
async function isTimeLeft(tries: number, { random, signal }: PageUpdate): Promise<boolean> {
  if (signal.aborted) return false;
  if (tries === 0) return true;
  const waitMs = random() * BASE_WAIT_MS * 2 ** tries;
  return sleep(waitMs, true, { signal }).catch(() => false);
}

/** Waits of at most 0.3, 0.6, 1.2 and 2.4 seconds. */
const BASE_WAIT_MS = 150;
