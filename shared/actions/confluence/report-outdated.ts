import { PAGES_SOURCE } from "../../delivery/correlate.ts";
import { type RecordNewDeps, recordNew } from "../../delivery/record-new.ts";
import { type Clock, type EpochMillis, epochMillis, isAhead, toIso } from "../../host/clock.ts";
import type { BusEvent } from "../../model/bus-event.ts";
import { type CodeSince, commitsSince } from "../../model/code-since.ts";
import { cut, EVENT_LIMITS, type OutdatedEvent } from "../../model/event.ts";
import { bridgePrincipal, ownRecord } from "../../model/own-record.ts";
import type { RecordedDelivery } from "../../model/recorded-delivery.ts";
import type { BoardStore } from "../../store/boards.ts";
import type { DocumentingPage } from "./documented-pages.ts";

export interface ReportDeps extends RecordNewDeps {
  readonly boards: Pick<BoardStore, "changeCode">;
  readonly clock: Clock;
}

/** Least time between two reports of a page. A run that edits the page and pushes commits may cause the next report. */
const PAUSE_MS = 86_400_000;

/** Whether the commits are so many that a page is reported as outdated: once for each time that a person saw it. */
export function isReportDue(
  code: CodeSince,
  { after, now }: { readonly after: number; readonly now: EpochMillis },
): boolean {
  const { reported } = code;
  if (commitsSince(code).count < after) return false;
  if (reported === undefined) return true;
  const isPaused = !isAhead(reported.at, now) && now - reported.at < PAUSE_MS;
  return reported.since !== sinceOf(code) && !isPaused;
}

/** Zero if the bridge knows of no time at which a person saw the page. */
const sinceOf = ({ seen }: CodeSince): EpochMillis => seen?.at ?? epochMillis(0);

interface Outdated {
  readonly page: DocumentingPage;
  readonly site: string;
  readonly code: CodeSince;
  readonly after: number;
  /** The push. */
  readonly cause: BusEvent;
}

/**
 * Records the event `page.outdated` as a delivery of the bridge's own, which is published like every other one. Its id
 * follows from the page and the time since which the commits count, so a retry after a crash records it once.
 */
export async function reportOutdated(outdated: Outdated, deps: ReportDeps): Promise<void> {
  const at = deps.clock.now();
  const record = recordOf(outdated, at);
  await recordNew(record, deps);
  const reported = { at, since: sinceOf(outdated.code) };
  const { site, page } = outdated;
  await deps.boards.changeCode({ site, id: page.id }, (code) => ({ ...code, reported }));
}

function recordOf(outdated: Outdated, at: EpochMillis): RecordedDelivery {
  const event = eventOf(outdated, at);
  const { traceparent, delivery } = outdated.cause.detail;
  const principal = bridgePrincipal(PAGES_SOURCE);
  const record = ownRecord({ source: PAGES_SOURCE, event, principal, at, requestId: delivery });
  return { ...record, ...(traceparent && { traceparent }) };
}

function eventOf({ page, site, code, after, cause }: Outdated, at: EpochMillis): OutdatedEvent {
  const { count, isMore, pushes } = commitsSince(code);
  const { id, title, space } = page;
  return {
    type: "page.outdated",
    keyParts: [site, id, String(sinceOf(code))],
    time: toIso(at),
    subject: id,
    page: {
      site,
      id,
      ...(space !== undefined && { space }),
      ...(title !== undefined && { title: cut(title, EVENT_LIMITS.title) }),
      url: `${site}/pages/viewpage.action?pageId=${id}`,
      kind: "page",
    },
    outdated: {
      commits: count,
      ...(isMore && { isMore }),
      after,
      projects: [...new Set(pushes.map(({ project }) => project))].slice(0, MAX_NAMES),
      paths: [...new Set(pushes.flatMap(({ paths }) => paths))].slice(0, MAX_NAMES),
      ...(code.seen && { since: toIso(code.seen.at), how: code.seen.how }),
    },
    origin: { delivery: cause.detail.delivery },
  };
}

const MAX_NAMES = 20;
