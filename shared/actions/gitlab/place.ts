import { CHILD_SOURCE, DANGLING_SOURCES } from "../../model/gitlab-pipelines.ts";
import type { StatusPlace } from "../../store/commit-statuses.ts";
import type { Ended, Pipeline, StatusClient } from "./client.ts";
import type { Cause } from "./commit.ts";

/** Where a status belongs. */
interface Found {
  readonly kind: "found";
  readonly place: StatusPlace;
}

/**
 * Finds the pipeline that GitLab shows for the cause of a run, so that the status stands beside the project's own jobs. If
 * there is none, the place is a branch or tag, for which GitLab makes a pipeline with source `external`.
 */
export function placeOf(cause: Cause, client: StatusClient): Promise<Found | Ended> {
  const { project, sha, of } = cause;
  switch (of.kind) {
    case "branch":
    case "tag":
      return placeOnRef(cause, of, client);
    case "change":
      return placeOnChange(cause, of, client);
    case "deployment":
      return placeOfDeployment(cause, of.id, client);
    case "pipeline":
      return Promise.resolve(found({ project, sha, pipeline: of.id }));
    case "unknown":
      return Promise.resolve(found({ project, sha }));
  }
}

const found = (place: StatusPlace): Found => ({ kind: "found", place });

async function placeOnRef(
  { project, sha }: Cause,
  { kind, ref }: { readonly kind: "branch" | "tag"; readonly ref: string },
  client: StatusClient,
): Promise<Found | Ended> {
  const listed = await client.pipelines(project, sha);
  if (listed.kind === "ended") return listed;
  const own = listed.pipelines.filter(isOwn);
  // A project may run pipelines for its merge requests alone. The widget then shows the one of the merge request.
  const shown =
    own.find((one) => one.ref === ref) ??
    (kind === "branch" ? own.find((one) => MERGE_REQUEST_HEAD.test(one.ref)) : undefined);
  const at = { project: listed.project, sha };
  if (shown) return found({ ...at, pipeline: shown.id });
  const external = listed.pipelines.find((one) => one.ref === ref && one.source === EXTERNAL);
  return found({ ...at, ref, ...(external && { pipeline: external.id }), isExternal: true });
}

const MERGE_REQUEST_HEAD = /^refs\/merge-requests\/\d+\/head$/;

const EXTERNAL = "external";

/** Whether a status can join it. */
const isOwn = ({ source }: Pipeline): boolean =>
  source !== EXTERNAL && source !== CHILD_SOURCE && !DANGLING_SOURCES.has(source);

/**
 * A merge request's pipeline may be of its branch, detached, of a trial merge with another commit, of a merge train, or of
 * a fork. GitLab itself knows which one it shows.
 */
async function placeOnChange(
  { project, sha }: Cause,
  { number }: { readonly number: number },
  client: StatusClient,
): Promise<Found | Ended> {
  const read = await client.mergeRequest(project, number);
  if (read.kind === "ended") return read;
  const { project_id, source_project_id, source_branch, head_pipeline } = read.mergeRequest;
  const head = read.mergeRequest.sha === sha ? (head_pipeline ?? undefined) : undefined;
  const at = (id: number) => ({ project: String(id), ...(id !== project_id && { isFork: true as const }) });
  const source = source_project_id ?? project_id;
  if (head && isOwn(head)) {
    return found({ ...at(head.project_id ?? source), sha: head.sha ?? sha, pipeline: head.id });
  }
  const place = { ...at(source), sha, ref: source_branch, isExternal: true } as const;
  return found(head === undefined ? place : { ...place, pipeline: head.id });
}

async function placeOfDeployment({ project, sha }: Cause, id: string, client: StatusClient): Promise<Found | Ended> {
  const read = await client.deployment(project, id);
  if (read.kind === "ended") return read;
  const { ref, deployable } = read.deployment;
  const pipeline = deployable?.pipeline;
  return found(pipeline ? { project, sha: pipeline.sha, pipeline: pipeline.id } : { project, sha, ref });
}
