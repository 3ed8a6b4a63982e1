import * as v from "valibot";
import { toIso } from "../../host/clock.ts";
import type { CodeEvent } from "../../model/event.ts";
import type { Reading } from "../../model/reading.ts";
import {
  deciding,
  identifier,
  line,
  link,
  moment,
  optional,
  present,
  prose,
  readerOf,
  wholeNumber,
} from "../payload.ts";
import { commitsPart, pushedCommits, refChangeOf } from "../pushed-commits.ts";
import { isoTime } from "../time.ts";
import { actorOf, personIn, repository, user } from "./parts.ts";

const pushBody = v.object({
  ref: identifier,
  before: identifier,
  after: identifier,
  /** Of an annotated tag, the commit; `after` is then the tag object. */
  head_commit: optional(v.object({ id: identifier })),
  /** The push replaced the history of the branch. */
  forced: optional(v.boolean()),
  commits: pushedCommits,
  repository: v.object({
    ...repository.entries,
    /** Seconds since 1970; only pushes have a number here. */
    pushed_at: optional(wholeNumber),
  }),
  sender: user,
});

export const push = readerOf(pushBody, (body, { kind, receivedAt }): Reading => {
  const { ref, before, after, sender } = body;
  const { id, full_name: project, html_url, default_branch, pushed_at } = body.repository;
  const [, family, name] = /^refs\/(heads|tags)\/(.+)$/.exec(ref) ?? [];
  if (!name) return { outcome: "ignored", kind: `${kind}.other` };
  const change = refChangeOf(before, after);
  const pushedAt = isoTime(pushed_at ? pushed_at * 1000 : undefined);
  const type = family === "tags" ? "code.tagged" : "code.pushed";
  const commit = type === "code.tagged" ? body.head_commit?.id : after;
  const event: CodeEvent = present({
    type: change === "deleted" ? "code.deleted" : type,
    keyParts: [String(id), ref, before, after, pushedAt ?? "", personIn(sender)],
    time: pushedAt ?? toIso(receivedAt),
    undated: pushedAt ? undefined : true,
    subject: project,
    actor: actorOf(sender),
    code: present({
      project,
      projectUrl: html_url,
      ref,
      name,
      change,
      commit: change === "deleted" ? undefined : commit,
      before: change === "created" ? undefined : before,
      ...commitsPart(body.commits, { limit: MAX_COMMITS, mayBeReplaced: body.forced !== false }),
      defaultBranch: default_branch,
    }),
  });
  return { outcome: "event", events: [event] };
});

/** GitHub reports at most this number of commits of a push. */
const MAX_COMMITS = 2048;

const releaseBody = v.object({
  action: identifier,
  release: v.object({
    id: wholeNumber,
    tag_name: identifier,
    target_commitish: optional(v.string()),
    name: optional(line),
    body: optional(prose),
    draft: deciding(v.boolean()),
    html_url: optional(link),
    published_at: optional(moment),
  }),
  repository,
  sender: user,
});

/** The publication and its end are published: drafts and edits are ignored. */
export const release = readerOf(releaseBody, (body, { kind, receivedAt }): Reading => {
  const isDeleted = body.action === "deleted" || body.action === "unpublished";
  if (body.action !== "published" && !isDeleted) return { outcome: "ignored", kind: `${kind}.${body.action}` };
  const { id, tag_name: tag, target_commitish: target, name, body: description, html_url, draft } = body.release;
  if (draft && body.action !== "unpublished") return { outcome: "ignored", kind: `${kind}.draft` };
  const { id: repositoryId, full_name: project } = body.repository;
  const { published_at: publishedAt } = body.release;
  return {
    outcome: "event",
    events: [
      present({
        type: isDeleted ? "release.deleted" : "release.published",
        keyParts: [String(repositoryId), String(id), publishedAt ?? ""],
        // GitHub does not report when a release was removed.
        time: isDeleted || !publishedAt ? toIso(receivedAt) : publishedAt,
        undated: isDeleted || !publishedAt ? true : undefined,
        subject: `${project} ${tag}`,
        actor: actorOf(body.sender),
        release: present({
          project,
          tag,
          name,
          description,
          // It may also be the name of a branch.
          commit: COMMIT.exec(target ?? "")?.[0],
          url: html_url,
          releasedAt: publishedAt,
        }),
      }),
    ],
  };
});

const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
