import type { BusEvent } from "../../model/bus-event.ts";

/** A commit as GitLab's API takes it. */
export interface Commit {
  /** Path with namespace. */
  readonly project: string;
  readonly sha: string;
  /** Branch or tag, where the event was about one: a commit may be on several. */
  readonly ref?: string;
}

/** The commit that a run was caused by, or why there is none to report to. */
export function commitOf({ source, detail }: BusEvent, instance: string): Commit | { readonly none: string } {
  if (source !== "drawbridge.gitlab") return { none: "GitLab did not cause this run" };
  // A status joins the newest pipeline of its commit, whatever began that pipeline
  // (https://docs.gitlab.com/ci/ci_cd_for_external_repos/external_commit_statuses/), and is told as its next event.
  if ("build" in detail) return { none: "a pipeline caused this run, and a status would move that pipeline again" };
  const told = placeIn(detail);
  if (told === undefined || !COMMIT.test(told.sha ?? "")) return { none: "what caused this run names no commit" };
  if (told.url !== undefined && !told.url.startsWith(`${instance}/`)) {
    return { none: "another GitLab instance than the target's caused this run" };
  }
  const { project, sha = "", ref } = told;
  return { project, sha, ...(ref !== undefined && { ref }) };
}

const COMMIT = /^([0-9a-f]{40}|[0-9a-f]{64})$/;

interface Place {
  readonly project: string;
  readonly sha: string | undefined;
  readonly ref?: string | undefined;
  /** An address at the instance. */
  readonly url: string | undefined;
}

function placeIn(detail: BusEvent["detail"]): Place | undefined {
  if ("code" in detail) {
    const { project, commit: sha, name: ref, projectUrl: url } = detail.code;
    return { project, sha, ref, url };
  }
  if ("job" in detail) return { project: detail.job.pipeline, sha: detail.job.commit, url: detail.job.url };
  const part = partIn(detail);
  return part && { project: part.project, sha: part.commit, url: part.url };
}

function partIn(detail: BusEvent["detail"]) {
  if ("change" in detail) return detail.change;
  if ("deployment" in detail) return detail.deployment;
  return "release" in detail ? detail.release : undefined;
}
