import { setTimeout as sleep } from "node:timers/promises";
import { cut } from "../../delivery/event.ts";
import type { BoardRow, BoardStore, PageAddress } from "../../store/boards.ts";
import type { ActionOutcome } from "../action.ts";
import type { PageClient, PageVersion, StoredPage } from "./client.ts";
import { spliceRegion } from "./region.ts";
import { renderRegion } from "./render-region.ts";
import type { Ending, WriteSetback } from "./setbacks.ts";

interface PageUpdate {
  readonly page: PageAddress;
  readonly client: PageClient;
  readonly boards: Pick<BoardStore, "rows">;
  readonly whenMissing: "append" | "skip";
  /** The board's row that this is about: its state as written goes into the page's history. */
  readonly pipeline: string;
  /** Ends the version's message: the same for every try of one delivery and for no other, so that it proves a write. */
  readonly delivery: string;
  readonly random: () => number;
  readonly signal: AbortSignal;
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
export async function updatePage(update: PageUpdate): Promise<ActionOutcome> {
  let last: LastTry | undefined;
  for (let tries = 0; tries < MAX_TRIES && (await isTimeLeft(tries, update)); tries++) {
    const read = await update.client.read(update.page.id);
    if (!read.ok) return endingAfter(last, read.setback);
    const ended = last && (await outcomeOf(last, read.value, update));
    if (ended) return ended;
    const next = await writeNext(read.value, update);
    if ("outcome" in next) return next;
    last = next;
  }
  return unsettled(last);
}

/** Tries in one attempt. */
const MAX_TRIES = 5;

/** A write that met a conflict, or of which no certain answer came. */
interface LastTry {
  readonly number: number;
  readonly setback: Exclude<WriteSetback, { readonly kind: "end" }>;
}

async function writeNext(page: StoredPage, update: PageUpdate): Promise<ActionOutcome | LastTry> {
  const { id } = update.page;
  const why = whyUnwritable(page);
  if (why) return { outcome: "give_up", summary: `page ${id} is ${why}` };
  const rows = await update.boards.rows(update.page);
  const content = renderRegion(rows);
  const splice = spliceRegion(page.body, content, update.whenMissing);
  switch (splice.kind) {
    case "unchanged":
      return shown(id, page.version.number, "shows this state already");
    case "absent":
      return { outcome: "done", summary: `page ${id} has no status region, and is to get none` };
    case "unusable":
      return { outcome: "give_up", summary: `page ${id} was left as it is: ${splice.why}` };
    case "changed":
      return write({ title: page.title, body: splice.body }, page.version.number + 1, messageOf(rows, update), update);
  }
}

async function write(
  page: Pick<StoredPage, "title" | "body">,
  number: number,
  message: string,
  { page: { id }, client }: PageUpdate,
): Promise<ActionOutcome | LastTry> {
  const written = await client.write(id, { ...page, version: { number, message } });
  if (written.ok) return shown(id, written.value.number, "shows the new state");
  return written.setback.kind === "end" ? written.setback.ending : { number, setback: written.setback };
}

/** Tells the state that is written, which may be further on than the one that this delivery told. */
function messageOf(rows: readonly BoardRow[], { pipeline, delivery }: PageUpdate): string {
  const build = rows.find((row) => row.pipeline === pipeline)?.build;
  return `${build ? `${cut(build.pipeline, 120)} ${build.state} ` : ""}${markOf(delivery)}`;
}

function whyUnwritable({ status, subtype }: StoredPage): string | undefined {
  if (status !== "current") return `${status}, and is not written`;
  // What a REST write does to people who are editing a live doc is not documented.
  return subtype === "live" ? "a live doc, and is not written" : undefined;
}

/** How the last try turned out, now that the page is read again; nothing if someone else's version took its place. */
async function outcomeOf(last: LastTry, page: StoredPage, update: PageUpdate): Promise<ActionOutcome | undefined> {
  if (await landed(last.number, page.version, update)) {
    return shown(update.page.id, last.number, "shows the new state");
  }
  return stillUnknown(last) && page.version.number < last.number ? unsettled(last) : undefined;
}

/** Where a version cannot be looked up, splicing again serves as well: what we wrote is then found unchanged. */
async function landed(number: number, current: PageVersion, { client, page, delivery }: PageUpdate): Promise<boolean> {
  if (current.number < number) return false;
  if (current.number === number) return current.message.endsWith(markOf(delivery));
  const made = await client.version(page.id, number);
  return made.ok && made.value.message.endsWith(markOf(delivery));
}

const markOf = (delivery: string): string => `[${delivery}]`;

const stillUnknown = (last: LastTry | undefined): boolean => last?.setback.kind === "unknown";

const endingAfter = (last: LastTry | undefined, ending: Ending): Ending =>
  ending.outcome === "retry" && stillUnknown(last) ? { ...ending, unknownOutcome: true } : ending;

function unsettled(last: LastTry | undefined): Ending {
  if (last?.setback.kind !== "unknown") return { outcome: "retry", summary: "others kept writing the page" };
  const { why, afterSeconds } = last.setback;
  const wait = afterSeconds === undefined ? {} : { afterSeconds };
  return { outcome: "retry", summary: why, unknownOutcome: true, ...wait };
}

const shown = (page: string, version: number, what: string): ActionOutcome => ({
  outcome: "done",
  summary: `page ${page} ${what}`,
  facts: { [`page ${page}`]: `version ${version}` },
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
