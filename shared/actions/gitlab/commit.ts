import { isListedInAnyCase } from "../../host/name-pattern.ts";
import type { BusEvent } from "../../model/bus-event.ts";

/** A commit as GitLab's API identifies it. */
export interface Commit {
  /** Path with namespace. */
  readonly project: string;
  readonly sha: string;
  /**
   * Branch, tag, or the reference of a merge request. Without one, GitLab takes the newest pipeline of the commit, or the
   * first branch that contains it.
   */
  readonly ref?: string;
}

/** The instance of a target, and the projects that it may write to. */
interface AllowedProjects {
  readonly url: string;
  /** All if undefined. */
  readonly projects?: readonly string[] | undefined;
}

/** The commit that caused a run, or the reason why there is no commit to set a status on. */
export function commitOf(
  { source, detail }: BusEvent,
  { url: instance, projects }: AllowedProjects,
): Commit | { readonly reason: string } {
  if (source !== "drawbridge.gitlab") return { reason: "GitLab did not cause this run" };
  // A status joins the newest pipeline of its commit, whatever started that pipeline
  // (https://docs.gitlab.com/ci/ci_cd_for_external_repos/external_commit_statuses/), and GitLab sends an event of that
  // pipeline.
  if ("build" in detail) return { reason: "a pipeline caused this run, and a status would change that pipeline again" };
  const place = placeIn(detail);
  if (place === undefined || !COMMIT.test(place.sha ?? "")) return { reason: "the cause of this run names no commit" };
  const { project, sha = "", ref, url } = place;
  if (url === undefined) return { reason: "the cause of this run names no address, so it may be of another instance" };
  if (!`${url}/`.startsWith(`${instance}/${project}/`)) {
    return { reason: "the cause of this run has no address of its project at the target's instance" };
  }
  if (!isListedInAnyCase(project, projects))
    return { reason: `its project ${project} is not in the target's "projects"` };
  return { project, sha, ...(ref !== undefined && { ref }) };
}

const COMMIT = /^([0-9a-f]{40}|[0-9a-f]{64})$/;

interface Place {
  readonly project: string;
  readonly sha: string | undefined;
  readonly ref?: string | undefined;
  /** An address of the project or of something in it. The sender's word, like `project`. */
  readonly url: string | undefined;
}

function placeIn(detail: BusEvent["detail"]): Place | undefined {
  if ("code" in detail) {
    const { project, commit: sha, name: ref, projectUrl: url } = detail.code;
    return { project, sha, ref, url };
  }
  if ("job" in detail) {
    const { pipeline: project, commit: sha, url, branch, tag, change } = detail.job;
    return { project, sha, url, ref: change?.id === undefined ? (branch ?? tag) : mergeRequestRef(change.id) };
  }
  const part = partIn(detail);
  return part && { project: part.project, sha: part.commit, url: part.url, ref: refOf(detail) };
}

/** The commit of a fork is on no branch of this project, even if it is also the commit of one. */
const refOf = (detail: BusEvent["detail"]): string | undefined =>
  "change" in detail && detail.change.fork !== false ? mergeRequestRef(detail.change.number) : undefined;

/** GitLab runs pipelines for merge requests on this reference of the target project, which has the commits of forks too. */
const mergeRequestRef = (number: number | string): string => `refs/merge-requests/${number}/head`;

function partIn(detail: BusEvent["detail"]) {
  if ("change" in detail) return detail.change;
  if ("deployment" in detail) return detail.deployment;
  return "release" in detail ? detail.release : undefined;
}
