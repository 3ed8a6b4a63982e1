import * as v from "valibot";
import { CHANGED, type ChangeEvent, EVENT_LIMITS } from "../../model/event.ts";
import type { Reading } from "../../model/reading.ts";
import {
  deciding,
  digestOf,
  identifier,
  line,
  link,
  listOf,
  optional,
  present,
  prose,
  readerOf,
  requiredMoment,
  wholeNumber,
} from "../payload.ts";
import { actorOf, changePlaceOf, headRepository, personIn, repository, user } from "./parts.ts";

const pullRequestBody = v.object({
  action: identifier,
  number: wholeNumber,
  pull_request: v.object({
    title: optional(line),
    body: optional(prose),
    html_url: optional(link),
    draft: optional(v.boolean()),
    merged: deciding(v.boolean()),
    merge_commit_sha: optional(identifier),
    updated_at: requiredMoment,
    user,
    labels: optional(listOf(v.object({ name: line }), EVENT_LIMITS.labels)),
    head: v.object({ ref: identifier, sha: identifier, repo: headRepository }),
    base: v.object({ ref: identifier }),
  }),
  /** Compared as a whole: one person may change several things within one second. */
  changes: v.optional(v.unknown()),
  label: v.optional(v.unknown()),
  assignee: v.optional(v.unknown()),
  requested_reviewer: v.optional(v.unknown()),
  requested_team: v.optional(v.unknown()),
  before: optional(identifier),
  repository,
  sender: user,
});

type PullRequest = v.InferOutput<typeof pullRequestBody>;
type Changed = (typeof CHANGED)[number];

export const pullRequest = readerOf(pullRequestBody, (body, { kind }): Reading => {
  const { action, number, pull_request, repository: base, sender } = body;
  const type = typeOf(body);
  if (!type) return { outcome: "ignored", kind: `${kind}.${action}` };
  const { updated_at: time, head } = pull_request;
  const event: ChangeEvent = present({
    type,
    keyParts: [String(base.id), String(number), action, time, head.sha, personIn(sender), detailsOf(body)],
    time,
    subject: `${base.full_name}#${number}`,
    actor: actorOf(sender),
    change: present({
      project: base.full_name,
      id: String(number),
      number,
      ...changePlaceOf({ head: head.repo, base, sourceBranch: head.ref, targetBranch: pull_request.base.ref }),
      title: pull_request.title,
      description: pull_request.body,
      commit: head.sha,
      url: pull_request.html_url,
      labels: pull_request.labels?.map(({ name }) => name),
      draft: pull_request.draft,
      author: pull_request.user?.login,
      mergeCommit: type === "change.merged" ? pull_request.merge_commit_sha : undefined,
      changed: type === "change.updated" ? changedIn(body) : undefined,
      defaultBranch: base.default_branch,
    }),
  });
  return { outcome: "event", events: [event] };
});

/** What an action changes. */
const UPDATES: ReadonlyMap<string, Changed> = new Map([
  ["synchronize", "code"],
  ["edited", "other"],
  ["labeled", "labels"],
  ["unlabeled", "labels"],
  ["assigned", "assignees"],
  ["unassigned", "assignees"],
  ["review_requested", "reviewers"],
  ["review_request_removed", "reviewers"],
  ["converted_to_draft", "draft"],
  ["ready_for_review", "draft"],
  ["milestoned", "milestone"],
  ["demilestoned", "milestone"],
]);

function typeOf({ action, pull_request }: PullRequest): ChangeEvent["type"] | undefined {
  if (action === "opened" || action === "reopened") return "change.opened";
  if (action === "closed") return pull_request.merged ? "change.merged" : "change.closed";
  return UPDATES.has(action) ? "change.updated" : undefined;
}

/** Members of `changes` of an edit. */
const EDITED: ReadonlyMap<string, Changed> = new Map([
  ["title", "title"],
  ["body", "description"],
  ["base", "target_branch"],
]);

function changedIn({ action, changes }: PullRequest): readonly Changed[] {
  const edited = new Set(Object.keys(present(Object(changes))).map((name) => EDITED.get(name)));
  const known = action === "edited" ? CHANGED.filter((name) => edited.has(name)) : [];
  return known.length === 0 ? [UPDATES.get(action) ?? "other"] : known;
}

const detailsOf = ({ changes, label, assignee, requested_reviewer, requested_team, before }: PullRequest): string =>
  digestOf([changes, label, assignee, requested_reviewer, requested_team, before]);
