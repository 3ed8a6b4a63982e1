import * as v from "valibot";
import { toIso } from "../../host/clock.ts";
import type { ChangeEvent } from "../../model/event.ts";
import { sha256Hex } from "../../model/idempotency-keys.ts";
import type { Reading } from "../../model/reading.ts";
import { identifier, line, link, present, prose, readerOf, requiredMoment, wholeNumber } from "../payload.ts";
import { actorOf, projectPlace, user } from "./parts.ts";

/** Members of a merge request that both hooks have. */
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
  /** Only compared: two people, or one person twice, may change something within one second. */
  changes: v.optional(v.unknown()),
  labels: v.optional(v.unknown()),
});

export const mergeRequest = readerOf(mergeRequestBody, (body, { kind, receivedAt }): Reading => {
  const { action, actioned_at, updated_at, oldrev, ...attributes } = body.object_attributes;
  // System hooks may omit the action. It is then unknown what happened.
  if (!action) return { outcome: "ignored", kind };
  const type = TYPES.get(action);
  if (!type) return { outcome: "ignored", kind: `${kind}.${action}` };
  const path = body.project.path_with_namespace;
  // An approval does not change `updated_at`, so before 18.10 nothing reports its time.
  const undated = !actioned_at && APPROVALS.has(action) ? true : undefined;
  const event: ChangeEvent = present({
    type,
    keyParts: [
      String(attributes.target_project_id),
      String(attributes.iid),
      action,
      actioned_at ?? updated_at,
      attributes.last_commit?.id ?? "",
      oldrev ?? "",
      String(body.user?.id ?? body.user?.name ?? ""),
      digestOf([body.changes, body.labels]),
    ],
    time: undated ? toIso(receivedAt) : (actioned_at ?? updated_at),
    undated,
    subject: `${path}!${attributes.iid}`,
    actor: actorOf(body.user),
    change: changeOf(path, attributes),
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
  ["unapproval", "change.updated"],
  ["unapproved", "change.updated"],
  ["merge", "change.merged"],
  ["close", "change.closed"],
]);

const APPROVALS: ReadonlySet<string> = new Set(["approval", "approved", "unapproval", "unapproved"]);

/** The digest of values of the body, for the event key. */
const digestOf = (values: readonly unknown[]): string => sha256Hex(Buffer.from(JSON.stringify(values), "utf8"));

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

/** People's comments on merge requests, new or edited. Internal comments, for project members only, are ignored. */
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
  return { outcome: "event", events: [event] };
});

type MergeRequest = v.InferOutput<ReturnType<typeof v.object<typeof mergeRequestMembers>>>;

function changeOf(path: string, mergeRequest: MergeRequest): ChangeEvent["change"] {
  return present({
    project: path,
    id: String(mergeRequest.iid),
    number: mergeRequest.iid,
    title: mergeRequest.title,
    description: mergeRequest.description,
    sourceBranch: mergeRequest.source_branch,
    targetBranch: mergeRequest.target_branch,
    commit: mergeRequest.last_commit?.id,
    url: mergeRequest.url,
  });
}
