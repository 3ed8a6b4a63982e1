import * as v from "valibot";
import type { Actor, BuildLink, ChangeRef, RefPart } from "../../model/event.ts";
import {
  deciding,
  identifier,
  identity,
  line,
  link,
  optional,
  orUnreadable,
  present,
  UNREADABLE,
  wholeNumber,
} from "../payload.ts";

/** Members that several hooks share: https://docs.gitlab.com/user/project/integrations/webhook_events/ */

/** A project's path and address. Some hooks do not have its id here. */
export const projectPlace = v.object({
  path_with_namespace: identifier,
  web_url: optional(link),
  default_branch: optional(identifier),
});

export const project = v.object({ ...projectPlace.entries, id: wholeNumber });

/** E-mail addresses and avatars are not read. */
export const person = v.object({
  id: optional(wholeNumber),
  name: optional(line),
  username: optional(identifier),
});
export const user = optional(person);

/** Older servers report no id. A name alone identifies nobody. */
export function actorOf(reported: v.InferOutput<typeof user>): Actor | undefined {
  const id = reported?.id ?? reported?.username;
  return id === undefined || id === null
    ? undefined
    : present({ id: String(id), name: reported?.name, username: reported?.username });
}

/** What identifies a person in an event key. */
export const personIn = (reported: v.InferOutput<typeof user>): string =>
  String(reported?.id ?? reported?.username ?? reported?.name ?? "");

/** The projects and branches of a merge request. */
export const changeRefMembers = {
  source_project_id: optional(wholeNumber),
  target_project_id: optional(wholeNumber),
  source_branch: optional(identifier),
  target_branch: optional(identifier),
};

type ReportedChange = { readonly iid: number } & v.InferOutput<ReturnType<typeof v.object<typeof changeRefMembers>>>;

/** `paths`: the paths of the projects whose path is known, by their ids. */
export function changeRefOf(reported: ReportedChange, paths: ReadonlyMap<number, string>): ChangeRef {
  const { iid, source_project_id: source, target_project_id: target } = reported;
  const nameOf = (id: number | null | undefined) =>
    typeof id === "number" ? (paths.get(id) ?? String(id)) : undefined;
  return present({
    id: String(iid),
    sourceProject: nameOf(source),
    targetProject: nameOf(target),
    sourceBranch: reported.source_branch,
    targetBranch: reported.target_branch,
    // GitLab removes the id of a deleted fork.
    fork: typeof source === "number" && typeof target === "number" ? source !== target : undefined,
  });
}

/** Whether a run is for a tag. */
export const tagMark = orUnreadable(v.boolean());

/**
 * What a run of `path` is for, by its ref. A merge request has the ref `refs/merge-requests/<number>/head`, `merge` or
 * `train` in the project that it targets.
 */
export function placeOf(
  ref: string | null | undefined,
  { tag, path }: { readonly tag: v.InferOutput<typeof tagMark>; readonly path: string | undefined },
): Pick<RefPart, "branch" | "tag" | "change"> {
  if (!ref) return {};
  const number = /^refs\/merge-requests\/(\d+)\//.exec(ref)?.[1];
  if (number) return { change: present({ id: number, targetProject: path }) };
  const name = ref.replace(/^refs\/(?:heads|tags)\//, "");
  if (tag === true || ref.startsWith("refs/tags/")) return { tag: name };
  return tag === UNREADABLE || name.startsWith("refs/") ? {} : { branch: name };
}

/** The pipeline that started this one by a trigger job: of the same project (parent) or of another. */
export const sourcePipeline = deciding(
  v.object({
    project: deciding(v.object({ path_with_namespace: deciding(identifier) })),
    pipeline_id: optional(wholeNumber),
    job_id: optional(wholeNumber),
  }),
);

export function parentOf(reported: v.InferOutput<typeof sourcePipeline>): BuildLink | undefined {
  if (!reported) return undefined;
  const { pipeline_id: id, job_id: job, project } = reported;
  return present({
    id: id ? String(id) : undefined,
    pipeline: project?.path_with_namespace,
    job: job ? String(job) : undefined,
  });
}

/**
 * The name or id of a pipeline: that of its project, and what distinguishes a pipeline that does not decide the state of its
 * branch or tag, such as a child pipeline.
 */
export const namedPipeline = (project: string | number, name: string | undefined): string =>
  name === undefined ? String(project) : v.parse(identity, `${project} (${name})`);
