import * as v from "valibot";
import { type EpochMillis, epochMillis, isAhead, toIso } from "../../host/clock.ts";
import type { CodeEvent } from "../../model/event.ts";
import type { Reading } from "../../model/reading.ts";
import {
  deciding,
  identifier,
  line,
  link,
  optional,
  present,
  prose,
  readerOf,
  requiredMoment,
  wholeNumber,
} from "../payload.ts";
import { commitsPart, pushedCommits, refChangeOf } from "../pushed-commits.ts";
import { actorOf, personIn, project, projectPlace } from "./parts.ts";

const pushBody = v.object({
  ref: identifier,
  before: identifier,
  after: identifier,
  checkout_sha: optional(identifier),
  ref_protected: optional(v.boolean()),
  message: optional(prose),
  user_id: optional(wholeNumber),
  user_name: optional(line),
  user_username: optional(identifier),
  project_id: wholeNumber,
  project: projectPlace,
  commits: pushedCommits,
  total_commits_count: deciding(wholeNumber),
});

export const push = codeReader("code.pushed");
export const tagPush = codeReader("code.tagged");

function codeReader(type: CodeEvent["type"]) {
  return readerOf(pushBody, (body, { receivedAt }) => {
    const { ref, before, after, project_id } = body;
    const { path_with_namespace: path, web_url, default_branch } = body.project;
    const person = { id: body.user_id, name: body.user_name, username: body.user_username };
    const change = refChangeOf(before, after);
    // For an annotated tag, `after` is the tag object and `checkout_sha` its commit.
    const commit = type === "code.tagged" ? body.checkout_sha : after;
    const name = ref.replace(/^refs\/(heads|tags)\//, "");
    const event: CodeEvent = present({
      type: change === "deleted" ? "code.deleted" : type,
      keyParts: [String(project_id), ref, before, after, personIn(person)],
      // GitLab does not report when a push happened, and the commits' times are set by their authors.
      time: toIso(receivedAt),
      undated: true,
      subject: `${path} ${name}`,
      actor: actorOf(person),
      code: present({
        project: path,
        projectUrl: web_url,
        ref,
        name,
        change,
        commit: change === "deleted" ? undefined : commit,
        before: change === "created" ? undefined : before,
        // Only the newest twenty commits are reported. A protected branch allows no replaced history by default.
        ...commitsPart(body.commits, {
          total: body.total_commits_count,
          mayBeReplaced: body.ref_protected !== true,
          hidesMoves: true,
        }),
        protected: body.ref_protected,
        defaultBranch: default_branch,
        message: type === "code.tagged" ? body.message : undefined,
      }),
    });
    return { outcome: "event", events: [event] };
  });
}

const releaseBody = v.object({
  id: wholeNumber,
  action: identifier,
  tag: identifier,
  name: optional(line),
  description: optional(prose),
  created_at: requiredMoment,
  released_at: deciding(requiredMoment),
  url: optional(link),
  commit: optional(v.object({ id: identifier })),
  project,
});

/** The creation and the removal are published; edits are ignored. */
export const release = readerOf(releaseBody, (body, { kind, receivedAt }): Reading => {
  const isDeleted = body.action === "delete";
  if (body.action !== "create" && !isDeleted) return { outcome: "ignored", kind: `${kind}.${body.action}` };
  const { tag, name, description, url, created_at, released_at } = body;
  const { id, path_with_namespace: path } = body.project;
  const created = isPlanned(released_at, receivedAt) ? "release.planned" : "release.published";
  return {
    outcome: "event",
    events: [
      present({
        type: isDeleted ? "release.deleted" : created,
        keyParts: [String(id), String(body.id), created_at],
        // GitLab does not report when a release was removed.
        time: isDeleted ? toIso(receivedAt) : created_at,
        undated: isDeleted ? true : undefined,
        subject: `${path} ${tag}`,
        release: present({
          project: path,
          tag,
          name,
          description,
          commit: body.commit?.id,
          url,
          releasedAt: released_at,
        }),
      }),
    ],
  };
});

const isPlanned = (releasedAt: string | null | undefined, receivedAt: EpochMillis): boolean =>
  Boolean(releasedAt) && isAhead(epochMillis(Date.parse(releasedAt ?? "")), receivedAt);
