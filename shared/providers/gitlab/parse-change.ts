import * as v from "valibot";
import { toIso } from "../../host/clock.ts";
import { CHANGED, type ChangeEvent, EVENT_LIMITS } from "../../model/event.ts";
import { OWN_COMMENT } from "../../model/own-comment.ts";
import type { Reading } from "../../model/reading.ts";
import {
  deciding,
  digestOf,
  identifier,
  line,
  link,
  listOf,
  optional,
  orUnreadable,
  present,
  prose,
  readerOf,
  requiredMoment,
  UNREADABLE,
  wholeNumber,
} from "../payload.ts";
import { actorOf, changeRefMembers, changeRefOf, person, personIn, projectPlace, user } from "./parts.ts";

const projectPath = optional(v.object({ path_with_namespace: optional(identifier) }));
const labels = optional(listOf(v.object({ title: line }), EVENT_LIMITS.labels));

/** Members of a merge request that both hooks have. */
const mergeRequestMembers = {
  ...changeRefMembers,
  iid: wholeNumber,
  target_project_id: wholeNumber,
  source: projectPath,
  title: optional(line),
  description: optional(prose),
  author_id: optional(wholeNumber),
  draft: optional(v.boolean()),
  /** The name of `draft` on older servers. */
  work_in_progress: optional(v.boolean()),
  labels,
  last_commit: optional(v.object({ id: identifier })),
  url: optional(link),
};

const mergeRequestBody = v.object({
  user,
  project: projectPlace,
  object_attributes: v.object({
    ...mergeRequestMembers,
    action: optional(identifier),
    actioned_at: optional(requiredMoment),
    updated_at: requiredMoment,
    oldrev: orUnreadable(identifier),
    merge_commit_sha: optional(identifier),
    squash_commit_sha: optional(identifier),
  }),
  /** Compared as a whole: two people, or one person twice, may change something within one second. */
  changes: v.optional(v.unknown()),
  labels: v.optional(v.unknown()),
  assignees: optional(listOf(person)),
  reviewers: optional(listOf(person)),
});

export const mergeRequest = readerOf(mergeRequestBody, (body, { kind, receivedAt }): Reading => {
  const { action, actioned_at, updated_at, oldrev, merge_commit_sha, squash_commit_sha, ...attributes } =
    body.object_attributes;
  // System hooks may omit the action. It is then unknown what happened.
  if (!action) return { outcome: "ignored", kind };
  const type = TYPES.get(action);
  if (!type) return { outcome: "ignored", kind: `${kind}.${action}` };
  const path = body.project.path_with_namespace;
  // An approval does not change `updated_at`, so before 18.10 nothing reports its time.
  const undated = !actioned_at && APPROVALS.has(action) ? true : undefined;
  const people = [body.user, ...(body.assignees ?? []), ...(body.reviewers ?? [])];
  const event: ChangeEvent = present({
    type,
    keyParts: [
      String(attributes.target_project_id),
      String(attributes.iid),
      action,
      actioned_at ?? updated_at,
      attributes.last_commit?.id ?? "",
      String(oldrev ?? ""),
      personIn(body.user),
      digestOf([body.changes, body.labels]),
    ],
    time: undated ? toIso(receivedAt) : (actioned_at ?? updated_at),
    undated,
    subject: `${path}!${attributes.iid}`,
    actor: actorOf(body.user),
    change: present({
      ...changeOf(body.project, { ...attributes, labels: attributes.labels ?? v.parse(labels, body.labels) }, people),
      mergeCommit: type === "change.merged" ? (merge_commit_sha ?? squash_commit_sha) : undefined,
      changed: type === "change.updated" ? changedIn(body.changes, oldrev) : undefined,
    }),
  });
  return { outcome: "event", events: [event] };
});

/** `approval` is one of several required approvals, `approved` the last of them. */
const TYPES: ReadonlyMap<string, ChangeEvent["type"]> = new Map([
  ["open", "change.opened"],
  ["reopen", "change.opened"],
  ["update", "change.updated"],
  ["approval", "change.approved"],
  ["approved", "change.approved"],
  ["unapproval", "change.unapproved"],
  ["unapproved", "change.unapproved"],
  ["merge", "change.merged"],
  ["close", "change.closed"],
]);

const APPROVALS: ReadonlySet<string> = new Set(["approval", "approved", "unapproval", "unapproved"]);

type Changed = (typeof CHANGED)[number];

/** Members of `changes` with another name than in the event. */
const RENAMED: ReadonlyMap<string, Changed> = new Map([
  ["work_in_progress", "draft"],
  ["assignee_id", "assignees"],
  ["assignee_ids", "assignees"],
  ["reviewer_ids", "reviewers"],
  ["milestone_id", "milestone"],
]);

const changedTitle = v.object({ title: v.object({ previous: v.string(), current: v.string() }) });

/** GitLab reports `oldrev` only if there are new commits. It may report an update without any change. */
function changedIn(changes: unknown, oldrev: unknown): readonly Changed[] | undefined {
  if (oldrev === UNREADABLE) return undefined;
  const names = new Set(Object.keys(present(Object(changes))).map((name) => RENAMED.get(name) ?? name));
  if (oldrev) names.add("code");
  if (v.is(changedTitle, changes)) {
    const { previous, current } = changes.title;
    // The prefix of the title makes a draft. Older servers report only the title.
    if (DRAFT.test(previous) !== DRAFT.test(current)) names.add("draft");
    if (previous.replace(DRAFT, "") === current.replace(DRAFT, "")) names.delete("title");
  }
  const known = CHANGED.filter((name) => names.has(name));
  return known.length === 0 ? ["other"] : known;
}

const DRAFT = /^\s*(?:\[(?:draft|wip)\]|\(draft\)|(?:draft|wip):)\s*/i;

/** Reported and not `false`. What is in doubt stays out. */
const isSet = (flag: unknown): boolean => flag !== undefined && flag !== null && flag !== false;

const noteBody = v.object({
  user,
  project: projectPlace,
  event_type: v.optional(v.unknown()),
  object_attributes: v.object({
    id: wholeNumber,
    note: prose,
    noteable_type: optional(identifier),
    action: deciding(identifier),
    author_id: optional(wholeNumber),
    last_edited_at: v.optional(v.unknown()),
    system: v.optional(v.unknown()),
    internal: v.optional(v.unknown()),
    /** The name of `internal` before 15.0. */
    confidential: v.optional(v.unknown()),
    updated_at: requiredMoment,
    url: optional(link),
  }),
  merge_request: optional(v.object(mergeRequestMembers)),
});

/** People's comments on merge requests, new or edited. Internal comments, for project members only, are ignored. */
export const note = readerOf(noteBody, (body, { kind }): Reading => {
  const {
    id,
    note: text,
    noteable_type,
    action,
    author_id,
    last_edited_at,
    system,
    internal,
    confidential,
    updated_at,
    url,
  } = body.object_attributes;
  const { merge_request, event_type } = body;
  const isPublic = typeof event_type === "string" ? event_type !== "confidential_note" : !isSet(event_type);
  if (!isPublic || isSet(confidential)) return { outcome: "ignored", kind: `${kind}.confidential` };
  if (isSet(system)) return { outcome: "ignored", kind: `${kind}.system` };
  if (isSet(internal)) return { outcome: "ignored", kind: `${kind}.internal` };
  if (text.trimStart().startsWith(OWN_COMMENT)) return { outcome: "ignored", kind: `${kind}.own` };
  if (noteable_type !== "MergeRequest" || !merge_request)
    return { outcome: "ignored", kind: `${kind}.${noteable_type}` };
  // Before 16.11 only new comments are reported, without an action.
  const reported = action ? COMMENT_TYPES.get(action) : "change.commented";
  const type = reported && isSet(last_edited_at) ? "change.comment_edited" : reported;
  if (!type) return { outcome: "ignored", kind: `${kind}.${action}` };
  // Of two accounts nobody knows which one wrote the text.
  const isOfOther = body.user?.id && author_id && author_id !== body.user.id;
  const event: ChangeEvent = present({
    type,
    keyParts: [String(merge_request.target_project_id), String(id), action ?? "", updated_at],
    time: updated_at,
    subject: `${body.project.path_with_namespace}!${merge_request.iid}`,
    actor: isOfOther ? undefined : actorOf(body.user),
    change: {
      ...changeOf(body.project, { ...merge_request, url }, [body.user]),
      comment: { id: String(id), text },
    },
  });
  return { outcome: "event", events: [event] };
});

const COMMENT_TYPES: ReadonlyMap<string, ChangeEvent["type"]> = new Map([
  ["create", "change.commented"],
  ["update", "change.comment_edited"],
]);

type MergeRequest = v.InferOutput<ReturnType<typeof v.object<typeof mergeRequestMembers>>>;

/** `people`: those whom the body names. GitLab reports the author only by id. */
function changeOf(
  { path_with_namespace: path, default_branch }: v.InferOutput<typeof projectPlace>,
  mergeRequest: MergeRequest,
  people: readonly v.InferOutput<typeof user>[],
): ChangeEvent["change"] {
  const { iid, source_project_id, target_project_id, source, author_id } = mergeRequest;
  const paths = new Map([[target_project_id, path]]);
  if (source_project_id && source?.path_with_namespace) paths.set(source_project_id, source.path_with_namespace);
  const author = author_id ? people.find((one) => one?.id === author_id)?.username : undefined;
  return present({
    project: path,
    ...changeRefOf(mergeRequest, paths),
    number: iid,
    title: mergeRequest.title,
    description: mergeRequest.description,
    commit: mergeRequest.last_commit?.id,
    url: mergeRequest.url,
    labels: mergeRequest.labels?.map(({ title }) => title),
    draft: mergeRequest.draft ?? mergeRequest.work_in_progress,
    author,
    defaultBranch: default_branch,
  });
}
