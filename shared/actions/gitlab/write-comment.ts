import { CLOCK_SKEW_MS, type Clock, laterBy } from "../../host/clock.ts";
import type { ActionOutcome } from "../../model/action-outcome.ts";
import type { ChangeAddress, ChangeCommentStore, CommentRecord, PageOfChange } from "../../store/change-comments.ts";
import type { LinkHosts } from "../link-hosts.ts";
import { type Section, withSection } from "./comment-body.ts";
import type { CommentClient } from "./comment-client.ts";
import { pagesSection } from "./pages-section.ts";

export interface CommentUpdate {
  readonly change: ChangeAddress;
  /** Names the merge request for people. */
  readonly name: string;
  /** A person asked for this attempt, so a comment that a person deleted is created again. */
  readonly isReplay: boolean;
  readonly client: () => Promise<CommentClient>;
  readonly changeComments: Pick<ChangeCommentStore, "firstLook" | "pages" | "lease" | "release">;
  readonly clock: Clock;
  /** The longest time of one attempt. */
  readonly maxAttemptMs: number;
}

export interface PagesUpdate extends CommentUpdate {
  /** The key of the state of the run, see `change-of-run.ts`. */
  readonly run: string;
  readonly linkHosts: LinkHosts;
}

/**
 * Lists the pages that show the end of a run in the comment on its merge request. The pages are written by another action
 * for the same event, so this one waits until that action has recorded what became of them. A page that a person's draft
 * blocks for long does not delay the others: the comment is written without it, and again with it.
 */
export async function listPages(update: PagesUpdate): Promise<ActionOutcome> {
  const { change, run, clock, changeComments } = update;
  const since = await changeComments.firstLook(change, run);
  const ageMs = Math.max(0, clock.now() - since);
  const pages = await changeComments.pages(change);
  const own = pages.filter((page) => page.run === run);
  if (own.length === 0) {
    if (ageMs < SEARCH_MS) return waiting(ageMs, "no page has been written for this run yet");
    return { outcome: "done", summary: "no page was written for this run" };
  }
  const isPending = own.some((page) => page.isPending);
  const stillWaits = waiting(ageMs, "a page has still to be written for this run");
  if (isPending && ageMs < SETTLE_MS) return stillWaits;
  const outcome = await writeWhileLeased(pages, update);
  return isPending && outcome.outcome === "done" && ageMs < PENDING_MS ? { ...stillWaits, isLong: true } : outcome;
}

/** How long a run may be without a page: longer than the delay between two routes. */
const SEARCH_MS = 10 * 60_000;
/** Longer than the pace of a page: the pages of one run go into one update of the comment. */
const SETTLE_MS = 2 * 60_000;
/** How long a page may be blocked. */
const PENDING_MS = 86_400_000;

/** Each wait is half of the time so far. */
const waiting = (ageMs: number, summary: string) => ({
  outcome: "wait" as const,
  summary,
  afterSeconds: Math.min(Math.max(ageMs / 2_000, 5), 600),
});

async function writeWhileLeased(pages: readonly PageOfChange[], update: PagesUpdate): Promise<ActionOutcome> {
  const { change, changeComments, name, linkHosts } = update;
  if (pages.every(({ shown }) => shown === undefined))
    return { outcome: "done", summary: `no page shows a run of ${name}` };
  // Another attempt may have recorded a page, and written it, between the read and the lease.
  const newest = async () => (await changeComments.pages(change)).flatMap((page) => page.shown ?? []);
  return writeSection(async () => {
    const content = pagesSection(await newest(), linkHosts);
    return { section: "pages", contentOf: () => content, what: "the pages" };
  }, update);
}

/** What a section of the comment is to have. */
export interface SectionContent {
  readonly section: Section;
  /** From the whole comment as it is. */
  readonly contentOf: (body: string) => string;
  /** Ends "the comment lists …". */
  readonly what: string;
  /** The comment is about this commit alone. Undefined: about all. */
  readonly commit?: string;
}

/** Replaces a section of the comment on a merge request. `contentFor` is called under the lease. */
export async function writeSection(
  contentFor: () => Promise<SectionContent>,
  update: CommentUpdate,
): Promise<ActionOutcome> {
  const { change, clock, changeComments, maxAttemptMs, name } = update;
  const client = await update.client();
  const now = clock.now();
  const lease = await changeComments.lease(change, now, laterBy(now, maxAttemptMs + CLOCK_SKEW_MS));
  if (!lease)
    return { outcome: "wait", summary: `the comment on ${name} is being written`, afterSeconds: BUSY_SECONDS };
  let { comment: record } = lease;
  try {
    const written = await write(await contentFor(), record, { ...update, client });
    record = written.record;
    return written.outcome;
  } finally {
    await changeComments.release(change, lease, record);
  }
}

const BUSY_SECONDS = 3;

interface Written {
  readonly outcome: ActionOutcome;
  readonly record: CommentRecord;
}

async function write(
  { section, contentOf, what, commit }: SectionContent,
  record: CommentRecord,
  { name, isReplay, client }: Pick<CommentUpdate, "name" | "isReplay"> & { readonly client: CommentClient },
): Promise<Written> {
  const done = (summary: string, after: CommentRecord = record): Written => ({
    outcome: { outcome: "done", summary },
    record: after,
  });
  if (record.isDeleted && !isReplay)
    return done(`a person deleted the comment on ${name}, and it is not written again`);
  const state = await client.state();
  if (state.kind === "ended") return { outcome: state.outcome, record };
  if (!state.isOpen) return done(`${name} is merged or closed, and its comment stays as it is`);
  if (commit !== undefined && state.sha !== commit) return done(`${name} has a newer commit`);
  const found = await current(record, client);
  if (found.kind === "ended") return { outcome: found.outcome, record };
  const { comment } = found;
  if (!comment && record.id !== undefined && !isReplay)
    return done(`a person deleted the comment on ${name}`, { isDeleted: true });
  const before = comment?.body ?? "";
  const body = withSection(before, section, contentOf(before));
  if (comment?.body.trimEnd() === body) return done(`the comment on ${name} lists ${what} already`, { id: comment.id });
  const written = comment ? await client.update({ id: comment.id, body }) : await client.create(body);
  switch (written.kind) {
    case "written":
      return {
        outcome: { outcome: "done", summary: `the comment on ${name} lists ${what}`, facts: { comment: written.id } },
        record: { id: written.id },
      };
    case "absent":
      return {
        outcome: { outcome: "retry", summary: `the comment on ${name} has just been deleted`, targetAnswered: true },
        record,
      };
    case "refused":
      // The token may be of another account than the one that wrote the comment. The next attempt searches for its own.
      return {
        outcome: {
          outcome: "retry",
          summary: `the token may not edit the comment on ${name} (403)`,
          targetAnswered: true,
        },
        record: {},
      };
    case "ended":
      return { outcome: written.outcome, record };
  }
}

/**
 * The comment as it is now. A write whose outcome was not recorded is found by the marker. So is the comment of a recorded
 * id that is gone: only an answered search proves that it was deleted, because GitLab also answers 404 to a token that may
 * no longer see it.
 */
async function current({ id }: CommentRecord, client: CommentClient): ReturnType<CommentClient["read"]> {
  const read = id === undefined ? undefined : await client.read(id);
  if (read && (read.kind === "ended" || read.comment)) return read;
  return client.find();
}
