import { CLOCK_SKEW_MS, type Clock, laterBy } from "../../host/clock.ts";
import type { ActionOutcome } from "../../model/action-outcome.ts";
import type { CommitStatusStore, StatusAddress, StatusPlace, StatusRecord } from "../../store/commit-statuses.ts";
import type { StatusClient } from "./client.ts";
import type { Cause } from "./commit.ts";
import { placeOf } from "./place.ts";
import { type CommitStatus, MAX_LENGTH } from "./status.ts";

export interface StatusUpdate {
  readonly status: CommitStatus;
  /** The order of the state, see `model/build-order.ts`. */
  readonly order: string;
  /** Identifies the run. */
  readonly run: string;
  readonly isEnd: boolean;
  /** A person asked for this attempt, so it writes even if GitLab is known to show the state. */
  readonly isReplay: boolean;
  readonly cause: Cause;
  /** When the cause of the run occurred. */
  readonly causedAt: string;
  /** Whether the target may write to a project with this path; undefined: the path is not known. */
  readonly mayWriteTo: (project: string | undefined) => boolean;
  /** Shows the end of a run of a fork's merge request where it has no status. Undefined: nowhere. */
  readonly showElsewhere: (() => Promise<ActionOutcome>) | undefined;
  readonly system: string;
  readonly client: StatusClient;
  readonly statuses: Pick<CommitStatusStore, "lease" | "release">;
  readonly clock: Clock;
  /** The longest time of one attempt. */
  readonly maxAttemptMs: number;
}

/**
 * Sets a status unless GitLab shows a later state. Only the holder of the lease writes, so a `running` never arrives after
 * the end; it would stay for ever. All states of a run are set in the pipeline of the first one: GitLab would otherwise
 * choose a pipeline anew for each of them.
 */
export async function showStatus(update: StatusUpdate): Promise<ActionOutcome> {
  const { system, cause, status, statuses, clock, maxAttemptMs } = update;
  const address: StatusAddress = { system, project: cause.project, commit: cause.sha, name: status.name };
  const now = clock.now();
  const lease = await statuses.lease(address, now, laterBy(now, maxAttemptMs + CLOCK_SKEW_MS));
  if (!lease)
    return { outcome: "wait", summary: `the status "${status.name}" is being set`, afterSeconds: BUSY_SECONDS };
  // Of an attempt that ends with an error nobody knows what it wrote.
  let record: StatusRecord = { ...lease.record, isUnsure: true };
  try {
    const written = await write(lease.record, update);
    record = written.record;
    return written.outcome;
  } finally {
    await statuses.release(address, lease, record);
  }
}

const BUSY_SECONDS = 2;

interface Written {
  readonly outcome: ActionOutcome;
  readonly record: StatusRecord;
}

async function write(before: StatusRecord, update: StatusUpdate): Promise<Written> {
  const { order, status, run, isReplay, cause } = update;
  const { shown } = before;
  if (shown && (shown.order > order || (shown.order === order && !isReplay && !before.isUnsure)))
    return { outcome: done(status.name, shown.state, cause), record: before };
  if (before.run === run && before.nowhere !== undefined && !isReplay) return nowhereIn(before, before.nowhere, update);
  const located = await locate(before, update);
  if ("outcome" in located) return located;
  const { record, place } = located;
  // A repeat in a fork does no harm, and the account may not be able to read there.
  if (before.isUnsure && !place.isFork) {
    const read = await update.client.newest(place, status.name);
    if (read.kind === "ended") return { outcome: read.outcome, record };
    const { isUnsure: _, ...sure } = record;
    const { state, description } = read.status ?? {};
    if (state === status.state && description === status.description)
      return { outcome: done(status.name, state, cause), record: { ...sure, shown: { order, state } } };
  }
  return writeTo(place, record, update);
}

interface Located {
  readonly place: StatusPlace;
  readonly record: StatusRecord;
}

/**
 * The place of an earlier state of the run. A pipeline with source `external` is looked at again: GitLab starts a commit's
 * own pipeline only after it has sent the event of the push, and that one is what people see.
 */
async function locate(before: StatusRecord, update: StatusUpdate): Promise<Located | Written> {
  const { run, cause, client, clock, mayWriteTo } = update;
  const known = before.run === run ? before.place : undefined;
  if (known && !known.isExternal) return { place: known, record: before };
  const since = before.since ?? clock.now();
  const { nowhere: _, ...others } = before;
  const record: StatusRecord = before.run === run ? { ...others, since } : withoutRun({ ...others, since }, run);
  const found = await placeOf(cause, client);
  if (found.kind === "ended") return { outcome: found.outcome, record };
  const { place } = found;
  if (place.isFork && !mayWriteTo(forkOf(cause)))
    return nowhereIn(record, 'the merge request is of a fork that is not in the target\'s "projects"', update);
  if (!known) {
    if (place.isExternal && isEarly(since, update)) {
      const summary = "GitLab may still be starting the pipeline of the commit";
      return { outcome: { outcome: "wait", summary, afterSeconds: OWN_PIPELINE_SECONDS }, record };
    }
    return { place, record: { ...record, place } };
  }
  if (place.isExternal) return { place: known, record };
  return { place, record: { ...record, place, ...(known.pipeline !== undefined && { orphan: known.pipeline }) } };
}

const forkOf = ({ of }: Cause): string | undefined => (of.kind === "change" ? of.sourceProject : undefined);

function withoutRun({ since, shown, isUnsure }: StatusRecord, run: string): StatusRecord {
  return { run, ...(since !== undefined && { since }), ...(shown && { shown }), ...(isUnsure && { isUnsure }) };
}

/** How long GitLab is given to start a commit's own pipeline: it does so in the background. */
const OWN_PIPELINE_SECONDS = 5;
/** A cause that is older has its pipeline by now. */
const OLD_CAUSE_MS = 60_000;

function isEarly(since: number, { clock, causedAt }: StatusUpdate): boolean {
  const now = clock.now();
  return now - since < OWN_PIPELINE_SECONDS * 1_000 && now - Date.parse(causedAt) < OLD_CAUSE_MS;
}

async function writeTo(place: StatusPlace, record: StatusRecord, update: StatusUpdate): Promise<Written> {
  const { client, isEnd, order, run, cause } = update;
  const linked = withLink(record, update);
  let { status } = linked;
  if (record.orphan !== undefined && isEnd) {
    // Nobody else ends it. If GitLab does not accept that, the status of the own pipeline still counts.
    await client.set({ ...place, sha: cause.sha, pipeline: record.orphan }, status);
  }
  let set = await client.set(place, status);
  let link = linked.said;
  let { refusedLink } = record;
  if (set.kind === "link_refused") {
    const { targetUrl, ...unlinked } = status;
    refusedLink = targetUrl;
    status = unlinked;
    link = ", without its link, which GitLab refuses";
    set = await client.set(place, status);
  }
  const { orphan: _, ...others } = record;
  const after: StatusRecord = { ...(isEnd ? others : record), run, ...(refusedLink !== undefined && { refusedLink }) };
  switch (set.kind) {
    case "set": {
      const { isUnsure: _unsure, ...sure } = after;
      const shown = { order, state: status.state };
      return { outcome: done(status.name, status.state, cause, link), record: { ...sure, place: set.place, shown } };
    }
    case "rejected":
    case "link_refused":
      return afterRejection(place, after, { ...update, status });
    case "absent":
      return afterAbsence(set.outcome, place, after, update);
    case "ended": {
      const isUnsure = set.outcome.outcome === "retry" && set.outcome.unknownOutcome === true;
      return { outcome: set.outcome, record: isUnsure ? { ...after, isUnsure } : after };
    }
  }
}

/** The status without a link that GitLab does not accept. That is said, because a person may miss the link. */
function withLink(
  { refusedLink }: StatusRecord,
  { status }: StatusUpdate,
): { readonly status: CommitStatus; readonly said: string } {
  const { targetUrl, ...unlinked } = status;
  if (targetUrl === undefined) return { status, said: "" };
  if (targetUrl.length > MAX_LENGTH)
    return { status: unlinked, said: `, without its link, which is longer than ${MAX_LENGTH} characters` };
  if (targetUrl === refusedLink) return { status: unlinked, said: ", without its link, which GitLab refuses" };
  return { status, said: "" };
}

/** Some servers do not accept the same state twice: https://gitlab.com/gitlab-org/gitlab/-/merge_requests/198626. */
async function afterRejection(place: StatusPlace, record: StatusRecord, update: StatusUpdate): Promise<Written> {
  const { client, status, order, cause } = update;
  const read = await client.newest(place, status.name);
  if (read.kind === "ended") return { outcome: read.outcome, record };
  const { state } = read.status ?? { state: "nothing" };
  if (state === status.state)
    return { outcome: done(status.name, state, cause), record: { ...record, shown: { order, state } } };
  return {
    outcome: { outcome: "give_up", summary: `GitLab does not let the status go from ${state} to ${status.state}` },
    record,
  };
}

async function afterAbsence(
  outcome: ActionOutcome,
  place: StatusPlace,
  record: StatusRecord,
  update: StatusUpdate,
): Promise<Written> {
  if (place.isFork)
    return nowhereIn(record, "the merge request is of a fork, in which the account has no rights", update);
  const { place: _, ...forgotten } = record;
  // The pipeline was found by an earlier attempt, and somebody may have deleted it since.
  if (place.pipeline !== undefined && record.shown !== undefined)
    return {
      outcome: { outcome: "retry", summary: "the pipeline of the status is gone", targetAnswered: true },
      record: forgotten,
    };
  return { outcome, record: forgotten };
}

/** The end of the run is shown elsewhere, if it can be. */
async function nowhereIn(record: StatusRecord, why: string, update: StatusUpdate): Promise<Written> {
  const { isEnd, order, run, status, showElsewhere } = update;
  const after = { ...record, run, nowhere: why };
  if (!isEnd || !showElsewhere)
    return { outcome: { outcome: "done", summary: `nowhere to write: ${why}` }, record: after };
  const outcome = await showElsewhere();
  if (outcome.outcome !== "done") return { outcome, record: after };
  return {
    outcome: { ...outcome, summary: `${outcome.summary}; no status: ${why}` },
    record: { ...after, shown: { order, state: status.state } },
  };
}

const done = (name: string, state: string, { project, sha }: Cause, link = ""): ActionOutcome => ({
  outcome: "done",
  summary: `GitLab shows "${name}" as ${state}${link}`,
  facts: { commit: `${project}@${sha}` },
});
