import { compareStartOf, HASH } from "../../approvals/shown-run.ts";
import { type Clock, type EpochMillis, epochMillis, toIso } from "../../host/clock.ts";
import type { ActionOutcome } from "../../model/action-outcome.ts";
import type { BusEvent } from "../../model/bus-event.ts";
import {
  COMMIT_ID_LENGTH,
  type CodeSince,
  commitsSince,
  type DocumentedPush,
  type PageSeen,
  type ReportedPush,
  withPush,
  withSeen,
} from "../../model/code-since.ts";
import { cut } from "../../model/event.ts";
import type { BoardStore } from "../../store/boards.ts";
import type { PageClient } from "./client.ts";
import type { DocumentedPages, DocumentingPage } from "./documented-pages.ts";
import { type AllowedPages, mayBeAllowed } from "./page-consent.ts";
import { isReportDue, type ReportDeps, reportOutdated } from "./report-outdated.ts";

/** A page with this label has been reviewed: its text is still true. */
const REVIEWED = "drawbridge-reviewed";

export interface CountInput {
  readonly busEvent: BusEvent;
  readonly site: string;
  /** Of the target: commits with which a page is reported as outdated. */
  readonly after: number;
  readonly allowed: AllowedPages;
  /** Undefined if the route has no `documentedBy`. */
  readonly documented: Pick<DocumentedPages, "documenting"> | undefined;
  readonly client: () => Promise<Pick<PageClient, "search">>;
  readonly deps: ReportDeps & { readonly boards: Pick<BoardStore, "changeCode">; readonly clock: Clock };
}

/**
 * Counts the commits of a push for the pages that document what they changed, and starts the count of a page anew if a
 * person edited or reviewed it. Writes no page. Undefined for all other events.
 *
 * Only the default branch counts, because a commit on another branch has not changed what the page describes yet.
 */
export async function countCode(input: CountInput): Promise<ActionOutcome | undefined> {
  const { detail } = input.busEvent;
  if (!["code.pushed", "page.updated", "page.labeled"].includes(detail.type)) return undefined;
  if (detail.principal.unproved) return done("nothing is counted, because the sender is not proved");
  if ("code" in detail) return countPush(detail.code, input);
  if (!("page" in detail)) return undefined;
  const { site, id, space } = detail.page;
  if (site !== input.site || !mayBeAllowed({ id, space }, input.allowed)) return done(`page ${id} is not the target's`);
  const seen = seenBy(input);
  if ("why" in seen) return done(`page ${id}: ${seen.why}`);
  await input.deps.boards.changeCode({ site, id }, (code) => withSeen(code, seen));
  return done(`page ${id} was ${seen.how}: commits count from ${toIso(seen.at)}`);
}

const done = (summary: string): ActionOutcome => ({ outcome: "done", summary });

function seenBy(input: CountInput): PageSeen | { readonly why: string } {
  const { detail } = input.busEvent;
  const at = timeOf(input);
  if ("label" in detail) {
    return detail.label === REVIEWED ? { at, how: "reviewed" } : { why: `only the label ${REVIEWED} counts` };
  }
  // Without its author the edit may be the bridge's own, which is not a look at the page.
  return detail.actor === undefined ? { why: "nobody is named as the author of the edit" } : { at, how: "edited" };
}

/** Not after the present: a sender's clock that is ahead must not stop the count. */
const timeOf = ({ busEvent, deps }: CountInput): EpochMillis =>
  epochMillis(Math.min(Date.parse(busEvent.detail.time), deps.clock.now()));

type CodePart = Extract<BusEvent["detail"], { readonly code: unknown }>["code"];

async function countPush(code: CodePart, input: CountInput): Promise<ActionOutcome> {
  const { documented, site, after, busEvent, deps } = input;
  if (documented === undefined) return done('no page is searched for: the route has no "documentedBy"');
  if (code.ref !== `refs/heads/${code.defaultBranch}`) return done("only pushes to the default branch count");
  const found = await documented.documenting(code.project, await input.client());
  if (!found.ok) {
    const summary = `the pages that document ${code.project} could not be searched for: ${found.failure.summary}`;
    return { ...found.failure, summary };
  }
  const outcomes: string[] = [];
  for (const page of found.pages.slice(0, MAX_PAGES)) {
    const push = pushFor(page, code, timeOf(input));
    if (push.commits.length === 0 && !push.isPartial) continue;
    const counted = await deps.boards.changeCode({ site, id: page.id }, (before) => withPush(before, push));
    const isReported = isReportDue(counted, { after, now: deps.clock.now() });
    if (isReported) await reportOutdated({ page, site, code: counted, after, cause: busEvent }, deps);
    outcomes.push(`page ${page.id} has ${textOf(counted)}${isReported ? ", and is reported as outdated" : ""}`);
  }
  const leftOut = found.pages.length - MAX_PAGES;
  if (leftOut > 0) outcomes.push(`${leftOut} more pages document it, and are left out`);
  return done(outcomes.join("; ") || `no page documents what changed in ${code.project}`);
}

/** For one push. Each is a read and a write of the store. */
const MAX_PAGES = 50;

function textOf(code: CodeSince): string {
  const { count, isMore } = commitsSince(code);
  const since = code.seen ? `since it was ${code.seen.how}` : "since the count began";
  return `${isMore ? "at least " : ""}${count} ${count === 1 ? "commit" : "commits"} ${since}`;
}

/** The commits of a push that changed what a page documents. */
function pushFor({ paths: documented }: DocumentingPage, code: CodePart, at: EpochMillis): ReportedPush {
  const changes = code.commits.map(({ id, paths }) => ({
    id: id.slice(0, COMMIT_ID_LENGTH),
    paths: filesOf(paths, code),
  }));
  const touched = changes.map(({ id, paths = [] }) => ({
    id,
    documented: documented.filter((one) => paths.some((path) => isWithin(path, one))),
  }));
  const isWhole = documented.length === 0;
  const counted = touched.filter((commit) => isWhole || commit.documented.length > 0);
  const isUnknown = code.paths?.truncated !== false || changes.some(({ paths }) => paths === undefined);
  return {
    at,
    project: code.project,
    commits: counted.map(({ id }) => id),
    isPartial: code.commitCount > code.commits.length || (!isWhole && isUnknown && counted.length < changes.length),
    paths: [...new Set(counted.flatMap((commit) => commit.documented))],
    ...compareOf(code),
  };
}

/** The files of a commit; undefined if they are not known. */
function filesOf(
  places: readonly number[] | undefined,
  { paths, commitCount }: CodePart,
): readonly string[] | undefined {
  if (places !== undefined) return places.flatMap((place) => paths?.changed[place] ?? []);
  return commitCount === 1 ? paths?.changed : undefined;
}

/** A path of a page may begin with a slash, and one of a folder may end with one. Case does not matter. */
function isWithin(path: string, documented: string): boolean {
  const [file, within] = [path, documented].map((one) => one.toLowerCase().replace(/^(?:\.?\/)+|\/+$/g, ""));
  return file === within || within === "" || `${file}`.startsWith(`${within}/`);
}

function compareOf({ commits, before, commit }: CodePart): Pick<DocumentedPush, "compare"> {
  const url = commits.at(-1)?.url;
  const start = url === undefined ? undefined : compareStartOf(cut(url, MAX_ADDRESS));
  if (start === undefined || before === undefined || commit === undefined) return {};
  return HASH.test(before) && HASH.test(commit) ? { compare: { start, before, commit } } : {};
}

/** A longer address is cut, and then has no hash at its end. */
const MAX_ADDRESS = 300;
