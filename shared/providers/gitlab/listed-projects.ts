import { isListedInAnyCase } from "../../host/name-pattern.ts";
import type { AuthenticDelivery } from "../../model/authentic-delivery.ts";
import type { Rejection } from "../../model/rejection.ts";
import { textIn } from "../confine.ts";

interface ListedProjects {
  /** Name of the source. */
  readonly source: string;
  /** Undefined for all projects. */
  readonly projects: readonly string[] | undefined;
}

/**
 * Why a source excludes a hook's delivery. A job of an older server has no path of its project, only a name that several
 * projects may have, so it is excluded. A group's token belongs to its group.
 */
export function rejectHook(delivery: AuthenticDelivery, listed: ListedProjects): Rejection | undefined {
  if (listed.projects === undefined) return undefined;
  const project = textIn(delivery, ["project", "path_with_namespace"]);
  return rejectProject(project ?? textIn(delivery, ["group", "full_path"]), listed);
}

/** Why a source excludes the job that has these claims. In a merge request of a fork, the code has another project. */
export function rejectJob(
  { project_path, job_project_path = project_path }: Readonly<Record<string, unknown>>,
  listed: ListedProjects,
): Rejection | undefined {
  return rejectProject(job_project_path, listed);
}

function rejectProject(project: unknown, { source, projects }: ListedProjects): Rejection | undefined {
  if (projects === undefined) return undefined;
  if (typeof project !== "string") return { reason: "project_not_listed", project: "unknown", source };
  return isListedInAnyCase(project, projects) ? undefined : { reason: "project_not_listed", project, source };
}
