import { compareRuns, compareStates, isSameRun, isTerminal, type RunAge } from "./build-order.ts";
import type { BuildPart } from "./event.ts";

/** What a source reported of one run of a pipeline for one commit. `firstReportedAt` and `reportedAt`: by the sender. */
export interface CommitRun extends RunAge, Pick<BuildPart, "pipeline" | "state" | "round" | "finishedAt"> {
  /** `refs/heads/main`, `refs/tags/v1`, or `change/12` for a merge request. Absent if the sender does not say. */
  readonly ref?: string;
  /** Of the report of `state`. */
  readonly reportedAt: string;
}

/** Runs that are kept of a commit at one source, of all pipelines that rules name. */
const MAX_RUNS = 50;

/** Adds a report, in any order of arrival. Returns `runs` itself if it adds nothing. */
export function withCommitRun(runs: readonly CommitRun[], report: CommitRun): readonly CommitRun[] {
  const known = runs.find((one) => one.pipeline === report.pipeline && isSameRun(one, report));
  if (known === undefined) return [report, ...runs].sort((one, other) => compareRuns(other, one)).slice(0, MAX_RUNS);
  const furthest = compareStates(asBuild(report), asBuild(known)) > 0 ? report : known;
  const createdAt = known.createdAt ?? report.createdAt;
  const firstReportedAt = [known.firstReportedAt, report.firstReportedAt].sort()[0] ?? known.firstReportedAt;
  const merged = { ...furthest, ...(createdAt !== undefined && { createdAt }), firstReportedAt };
  const isSame = furthest === known && createdAt === known.createdAt && firstReportedAt === known.firstReportedAt;
  return isSame ? runs : runs.map((one) => (one === known ? merged : one));
}

/** Only the members that order states count. */
const asBuild = (run: CommitRun) => ({ system: "", id: "", ...run });

/**
 * Why a pipeline is not green for a commit, as a clause; undefined if it is green for one of `refs` and for all of them that
 * it ran for. Runs of the commit for anything else do not count: somebody can start one that tests less.
 */
export function whyNotGreen(
  { pipeline, refs }: { readonly pipeline: string; readonly refs: readonly string[] },
  runs: readonly CommitRun[],
): string | undefined {
  if (refs.length === 0) return "the event names no branch, tag or merge request";
  const own = refs
    .map((ref) => runs.filter((run) => run.pipeline === pipeline && run.ref === ref))
    .filter((some) => some.length > 0);
  if (own.length === 0) return `no run of it is known for this commit and ${refs.join(" or ")}`;
  return own.map(whyLastNotGood).find((why) => why !== undefined);
}

/** The newest of these runs has to be good, and none may go on. */
function whyLastNotGood(own: readonly CommitRun[]): string | undefined {
  const newest = own.reduce<CommitRun | undefined>(
    (latest, run) => (latest === undefined || compareRuns(run, latest) > 0 ? run : latest),
    undefined,
  );
  const going = own.find(({ state }) => !isTerminal(state));
  if (going) return `a run of it is ${going.state}`;
  return newest?.state === "succeeded" ? undefined : `its newest run is ${newest?.state}`;
}
