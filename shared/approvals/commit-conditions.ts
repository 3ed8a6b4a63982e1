import type { Approval } from "../model/approval.ts";
import { createdAtOf } from "../model/build-order.ts";
import { type BusEvent, type EventDetail, sourceNameOf } from "../model/bus-event.ts";
import { type CommitRun, whyNotGreen } from "../model/commit-run.ts";
import type { RefPart } from "../model/event.ts";
import type { CommitRunStore } from "../store/commit-runs.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { RunStore } from "../store/runs.ts";

/** A pipeline whose newest run for the commit has to be good, and the source that reports it. */
export interface CommitCheck {
  readonly source: string;
  readonly pipeline: string;
}

export interface CommitConditionDeps {
  readonly commitRuns: () => Promise<CommitRunStore>;
  readonly runs: Pick<RunStore, "of">;
  readonly deliveries: Pick<DeliveryStore, "get">;
}

/**
 * Records the run that an event reports, if a rule asks about its pipeline. What is not proved or is replayed says nothing.
 * Neither does a run for a change request from another project, or from one that may be another: somebody else may have
 * written what it ran.
 */
export async function recordCommitRun(
  busEvent: BusEvent,
  checks: readonly CommitCheck[],
  { commitRuns }: Pick<CommitConditionDeps, "commitRuns">,
): Promise<void> {
  const { detail } = busEvent;
  if (!("build" in detail) || detail.replay !== undefined || detail.principal.unproved) return;
  const { id, number, pipeline, state, round, finishedAt, commit, change } = detail.build;
  const source = sourceNameOf(busEvent);
  if (commit === undefined || (change !== undefined && change.fork !== false)) return;
  if (!checks.some((one) => one.source === source && one.pipeline === pipeline)) return;
  const createdAt = createdAtOf(detail.build);
  const ref = refOf(detail.build);
  const run: CommitRun = {
    build: { id, ...(number !== undefined && { number }) },
    pipeline,
    ...(ref !== undefined && { ref }),
    state,
    ...(round !== undefined && { round }),
    ...(finishedAt !== undefined && { finishedAt }),
    ...(createdAt !== undefined && { createdAt }),
    firstReportedAt: busEvent.time,
    reportedAt: busEvent.time,
  };
  await (await commitRuns()).record({ source, commit }, run);
}

/**
 * Why the pipelines are not all green for the commit that the run gets, on what the event is about, as a clause; undefined
 * if they are.
 */
export async function whyChecksFail(
  checks: readonly CommitCheck[],
  { reference }: Approval,
  { detail }: BusEvent,
  deps: Pick<CommitConditionDeps, "commitRuns">,
): Promise<string | undefined> {
  const commit = reference?.value;
  if (commit === undefined || !COMMIT.test(commit)) return "the run is bound to no commit";
  const refs = refsOf(detail);
  const store = await deps.commitRuns();
  for (const { source, pipeline } of checks) {
    const why = whyNotGreen({ pipeline, refs }, await store.of({ source, commit }));
    if (why !== undefined) return `${pipeline} of ${source} is not green: ${why}`;
  }
  return undefined;
}

/**
 * What a run is for: its branch, tag or merge request. Undefined if the sender does not report it, or reports only a name,
 * which may be that of a branch or of a tag.
 */
function refOf({ branch, tag, change }: RefPart): string | undefined {
  if (change !== undefined) return change.id === undefined ? undefined : changeRef(change.id);
  if (tag !== undefined) return `refs/tags/${tag}`;
  return branch === undefined ? undefined : `refs/heads/${branch}`;
}

const changeRef = (id: string): string => `change/${id}`;

/** The refs whose runs count for an event. The source branch of a merge request is its own if it is of the same project. */
function refsOf(detail: EventDetail): readonly string[] {
  if ("code" in detail) return [detail.code.ref];
  if ("release" in detail) return [`refs/tags/${detail.release.tag}`];
  if ("change" in detail) {
    const { number, mergeCommit, sourceBranch, targetBranch, fork } = detail.change;
    // The run gets the merge commit, which only the target branch has.
    if (mergeCommit !== undefined) return targetBranch === undefined ? [] : [`refs/heads/${targetBranch}`];
    const own = fork === false && sourceBranch !== undefined ? [`refs/heads/${sourceBranch}`] : [];
    return [changeRef(String(number)), ...own];
  }
  if ("build" in detail) return [refOf(detail.build)].filter((ref) => ref !== undefined);
  return "job" in detail ? [refOf(detail.job)].filter((ref) => ref !== undefined) : [];
}

const COMMIT = /^[0-9a-f]{40,64}$/;

/**
 * Why it is not known that nothing below these paths changed since the last run of the route, as a clause; undefined if it
 * is known. The event lists what its own push changed. So the push before it has to be what the last run was fired for:
 * otherwise the run also gets what people have not approved.
 */
export async function whyPathsFail(
  outside: readonly string[],
  { detail }: BusEvent,
  route: string,
  { runs, deliveries }: Pick<CommitConditionDeps, "runs" | "deliveries">,
): Promise<string | undefined> {
  if (!("code" in detail) || detail.promotion !== undefined) return "the event is no push";
  const { change, before, paths, ref, project } = detail.code;
  if (change !== "updated" || before === undefined) return "the push did not update a branch";
  if (paths === undefined || paths.count === 0) return "the event lists no changed paths";
  if (paths.truncated || paths.incomplete) return "the event does not list all changed paths";
  if (paths.changed.some(isQuoted)) return "the event quotes a changed path, so it is not known which one it is";
  const inside = paths.changed.find((path) => outside.some((one) => isBelow(path, one)));
  if (inside !== undefined) return `${inside} has changed`;
  const [last] = await runs.of(route);
  const events = last && (await deliveries.get(last.delivery))?.events;
  const isNext = events?.some(
    (event) =>
      "code" in event && event.code.project === project && event.code.ref === ref && event.code.commit === before,
  );
  return isNext ? undefined : "the last run of the route was not for the push before this one";
}

/** Git quotes a path with unusual characters: `"infra/\303\244"` (https://git-scm.com/docs/git-config, core.quotePath). */
const isQuoted = (path: string): boolean => path.startsWith('"') || path.includes("\\");

/** A folder may itself be a path: that of a submodule or of a symbolic link, which Git lists without the slash. */
function isBelow(path: string, place: string): boolean {
  const name = place.replace(/\/$/, "");
  return path === name || path.startsWith(`${name}/`);
}
