import { isListedInAnyCase } from "../../host/name-pattern.ts";
import type { BusEvent } from "../../model/bus-event.ts";
import { isAt } from "./address.ts";

/** The commit that caused a run. */
export interface Cause {
  /** Path with namespace. */
  readonly project: string;
  readonly sha: string;
  /** What GitLab runs pipelines for. */
  readonly of:
    | { readonly kind: "branch" | "tag"; readonly ref: string }
    /** `sourceProject`: the path, if it is known. */
    | { readonly kind: "change"; readonly number: number; readonly sourceProject?: string | undefined }
    | { readonly kind: "deployment"; readonly id: string }
    /** A job: of a pipeline that is known. */
    | { readonly kind: "pipeline"; readonly id: number }
    /** GitLab chooses the newest pipeline of the commit, or the first branch that contains it. */
    | { readonly kind: "unknown" };
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
): Cause | { readonly reason: string } {
  if (source !== "drawbridge.gitlab") return { reason: "GitLab did not cause this run" };
  // A status joins the newest pipeline of its commit, whatever started that pipeline
  // (https://docs.gitlab.com/ci/ci_cd_for_external_repos/external_commit_statuses/), and GitLab sends an event of that
  // pipeline.
  if ("build" in detail) return { reason: "a pipeline caused this run, and a status would change that pipeline again" };
  const reported = reportedIn(detail);
  if (reported === undefined || !COMMIT.test(reported.sha ?? ""))
    return { reason: "the cause of this run names no commit" };
  const { project, sha = "", of, url } = reported;
  if (url === undefined) return { reason: "the cause of this run names no address, so it may be of another instance" };
  if (!isAt(url, instance, project)) {
    return { reason: `the cause of this run has no address of its project at the target's "url", ${instance}` };
  }
  if (!isListedInAnyCase(project, projects))
    return { reason: `its project ${project} is not in the target's "projects"` };
  return { project, sha, of };
}

const COMMIT = /^([0-9a-f]{40}|[0-9a-f]{64})$/;

interface Reported {
  readonly project: string;
  readonly sha: string | undefined;
  readonly of: Cause["of"];
  /** An address of the project or of something in it. The sender's word, like `project`. */
  readonly url: string | undefined;
}

function reportedIn(detail: BusEvent["detail"]): Reported | undefined {
  if ("code" in detail) {
    const { project, commit: sha, ref, name, projectUrl: url } = detail.code;
    return { project, sha, url, of: { kind: ref.startsWith("refs/tags/") ? "tag" : "branch", ref: name } };
  }
  if ("job" in detail) {
    const { pipeline: project, commit: sha, url, build = "" } = detail.job;
    return {
      project,
      sha,
      url,
      of: NUMBER.test(build) ? { kind: "pipeline", id: Number(build) } : refOfJob(detail.job),
    };
  }
  if ("change" in detail) return { ...detail.change, ...ofChange(detail.type, detail.change) };
  if ("deployment" in detail) {
    const { project, commit: sha, url, id } = detail.deployment;
    return { project, sha, url, of: { kind: "deployment", id } };
  }
  if (!("release" in detail)) return undefined;
  const { project, commit: sha, url, tag } = detail.release;
  return { project, sha, url, of: { kind: "tag", ref: tag } };
}

const NUMBER = /^\d{1,15}$/;

type DetailWith<Part extends string> = Extract<BusEvent["detail"], Readonly<Record<Part, unknown>>>;

function refOfJob({ branch, tag, change }: DetailWith<"job">["job"]): Cause["of"] {
  if (change?.id !== undefined) return { kind: "change", number: Number(change.id) };
  if (branch !== undefined) return { kind: "branch", ref: branch };
  return tag === undefined ? { kind: "unknown" } : { kind: "tag", ref: tag };
}

/** The head of a merged merge request may be on no branch any more. What it became is on the target branch. */
function ofChange(
  type: string,
  { commit, mergeCommit, url, number, sourceProject, targetBranch }: DetailWith<"change">["change"],
) {
  if (type === "change.merged" && targetBranch !== undefined)
    return { sha: mergeCommit ?? commit, url, of: { kind: "branch", ref: targetBranch } as const };
  return { sha: commit, url, of: { kind: "change", number, sourceProject } as const };
}
