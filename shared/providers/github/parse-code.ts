import * as v from "valibot";
import { toIso } from "../../host/clock.ts";
import { type CodeEvent, EVENT_LIMITS } from "../../model/event.ts";
import type { Reading } from "../../model/reading.ts";
import { changedPathsOf, commitFiles } from "../changed-paths.ts";
import { identifier, line, link, listOf, moment, optional, present, prose, readerOf, wholeNumber } from "../payload.ts";
import { isoTime } from "../time.ts";
import { actorOf, personIn, repository, user } from "./parts.ts";

const commit = v.object({
  id: v.pipe(identifier, v.maxLength(100)),
  message: line,
  url: optional(link),
  author: optional(v.object({ name: optional(line) })),
  ...commitFiles,
});

const pushBody = v.object({
  ref: identifier,
  before: identifier,
  after: identifier,
  /** Of an annotated tag, the commit; `after` is then the tag object. */
  head_commit: optional(v.object({ id: identifier })),
  commits: optional(listOf(commit)),
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
  const commits = body.commits ?? [];
  const change = changeOf(before, after);
  const pushedAt = isoTime(pushed_at ? pushed_at * 1000 : undefined);
  const type = family === "tags" ? "code.tagged" : "code.pushed";
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
      commit: change === "deleted" ? undefined : (body.head_commit?.id ?? after),
      before: change === "created" ? undefined : before,
      commits: commits
        .slice(-EVENT_LIMITS.commits)
        .map(({ id, message, url, author }) => present({ id, message, url, author: author?.name })),
      commitCount: commits.length,
      paths: changedPathsOf(commits, commits.length >= MAX_COMMITS),
      defaultBranch: default_branch,
    }),
  });
  return { outcome: "event", events: [event] };
});

function changeOf(before: string, after: string): CodeEvent["code"]["change"] {
  if (NO_COMMIT.test(after)) return "deleted";
  return NO_COMMIT.test(before) ? "created" : "updated";
}

const NO_COMMIT = /^0+$/;

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
    draft: optional(v.boolean()),
    html_url: optional(link),
    published_at: optional(moment),
  }),
  repository,
  sender: user,
});

/** Only the publication is published: drafts, edits and removals are ignored. */
export const release = readerOf(releaseBody, (body, { kind, receivedAt }): Reading => {
  if (body.action !== "published") return { outcome: "ignored", kind: `${kind}.${body.action}` };
  const { id, tag_name: tag, target_commitish: target, name, body: description, html_url, draft } = body.release;
  if (draft) return { outcome: "ignored", kind: `${kind}.draft` };
  const { id: repositoryId, full_name: project } = body.repository;
  const { published_at: publishedAt } = body.release;
  return {
    outcome: "event",
    events: [
      present({
        type: "release.published",
        keyParts: [String(repositoryId), String(id), publishedAt ?? ""],
        time: publishedAt ?? toIso(receivedAt),
        undated: publishedAt ? undefined : true,
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
