import * as v from "valibot";
import type { ChangeEvent } from "../../model/event.ts";
import type { Reading } from "../../model/reading.ts";
import { identifier, line, link, present, prose, readerOf, requiredMoment, wholeNumber } from "../payload.ts";
import { actorOf, projectPlace, user } from "./parts.ts";

/** What both hooks tell of a merge request. */
const mergeRequestMembers = {
  iid: wholeNumber,
  target_project_id: wholeNumber,
  title: v.nullish(line),
  description: v.nullish(prose),
  source_branch: v.nullish(identifier),
  target_branch: v.nullish(identifier),
  last_commit: v.nullish(v.object({ id: identifier })),
  url: v.nullish(link),
};

const mergeRequestBody = v.object({
  user,
  project: projectPlace,
  object_attributes: v.object({
    ...mergeRequestMembers,
    action: v.nullish(identifier),
    actioned_at: v.nullish(requiredMoment),
    updated_at: requiredMoment,
    oldrev: v.nullish(identifier),
  }),
});

export const mergeRequest = readerOf(mergeRequestBody, (body, { kind }): Reading => {
  const { action, actioned_at, updated_at, oldrev, ...told } = body.object_attributes;
  // System hooks may leave the action out: what happened is then anyone's guess.
  if (!action) return { outcome: "ignored", kind };
  const type = TYPES.get(action);
  if (!type) return { outcome: "ignored", kind: `${kind}.${action}` };
  const path = body.project.path_with_namespace;
  const time = actioned_at ?? updated_at;
  const event: ChangeEvent = present({
    type,
    keyParts: [
      String(told.target_project_id),
      String(told.iid),
      action,
      time,
      told.last_commit?.id ?? "",
      oldrev ?? "",
    ],
    time,
    subject: `${path}!${told.iid}`,
    actor: actorOf(body.user),
    change: changeOf(path, told),
  });
  return { outcome: "event", event };
});

/** `approval` is one approval of several required, `approved` the last of them. */
const TYPES: ReadonlyMap<string, ChangeEvent["type"]> = new Map([
  ["open", "change.opened"],
  ["reopen", "change.opened"],
  ["update", "change.updated"],
  ["approval", "change.approved"],
  ["approved", "change.approved"],
  ["unapproval", "change.updated"],
  ["unapproved", "change.updated"],
  ["merge", "change.merged"],
  ["close", "change.closed"],
]);

const noteBody = v.object({
  user,
  project: projectPlace,
  object_attributes: v.object({
    id: wholeNumber,
    note: prose,
    noteable_type: v.nullish(identifier),
    action: v.nullish(identifier),
    system: v.nullish(v.boolean()),
    internal: v.nullish(v.boolean()),
    updated_at: requiredMoment,
    url: v.nullish(link),
  }),
  merge_request: v.nullish(v.object(mergeRequestMembers)),
});

/** Comments of people on merge requests, new or edited; those for project members only stay inside GitLab. */
export const note = readerOf(noteBody, (body, { kind }): Reading => {
  const { id, note: text, noteable_type, action, system, internal, updated_at, url } = body.object_attributes;
  const { merge_request } = body;
  if (system) return { outcome: "ignored", kind: `${kind}.system` };
  if (internal) return { outcome: "ignored", kind: `${kind}.internal` };
  if (noteable_type !== "MergeRequest" || !merge_request)
    return { outcome: "ignored", kind: `${kind}.${noteable_type}` };
  const path = body.project.path_with_namespace;
  const event: ChangeEvent = present({
    type: "change.commented",
    keyParts: [String(merge_request.target_project_id), String(id), action ?? "", updated_at],
    time: updated_at,
    subject: `${path}!${merge_request.iid}`,
    actor: actorOf(body.user),
    change: { ...changeOf(path, { ...merge_request, url }), comment: { id: String(id), text } },
  });
  return { outcome: "event", event };
});

type MergeRequest = v.InferOutput<ReturnType<typeof v.object<typeof mergeRequestMembers>>>;

function changeOf(path: string, told: MergeRequest): ChangeEvent["change"] {
  return present({
    project: path,
    number: told.iid,
    title: told.title,
    description: told.description,
    sourceBranch: told.source_branch,
    targetBranch: told.target_branch,
    commit: told.last_commit?.id,
    url: told.url,
  });
}
