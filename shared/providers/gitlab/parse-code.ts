import * as v from "valibot";
import { toIso } from "../../host/clock.ts";
import { type CodeEvent, EVENT_LIMITS } from "../../model/event.ts";
import type { Reading } from "../../model/reading.ts";
import { identifier, line, link, moment, present, prose, readerOf, requiredMoment, wholeNumber } from "../payload.ts";
import { actorOf, project, projectPlace } from "./parts.ts";

const pushBody = v.object({
  ref: identifier,
  before: identifier,
  after: identifier,
  checkout_sha: v.nullish(identifier),
  user_id: v.nullish(wholeNumber),
  user_name: v.nullish(line),
  project_id: wholeNumber,
  project: projectPlace,
  commits: v.nullish(v.array(v.object({ id: identifier, message: line, url: v.nullish(link) })), []),
  total_commits_count: v.nullish(wholeNumber),
});

export const push = codeReader("code.pushed");
export const tagPush = codeReader("code.tagged");

function codeReader(type: CodeEvent["type"]) {
  return readerOf(pushBody, (body, { receivedAt }) => {
    const { ref, before, after, project_id, user_id, user_name } = body;
    const { path_with_namespace: path, web_url } = body.project;
    const change = changeOf(before, after);
    const event: CodeEvent = present({
      type,
      keyParts: [String(project_id), ref, before, after, String(user_id ?? user_name ?? "")],
      // GitLab does not report when a push happened, and the commits' times are set by their authors.
      time: toIso(receivedAt),
      undated: true,
      subject: path,
      actor: actorOf({ id: user_id, name: user_name }),
      code: present({
        project: path,
        projectUrl: web_url,
        ref,
        name: ref.replace(/^refs\/(heads|tags)\//, ""),
        change,
        // For an annotated tag, `after` is the tag object and `checkout_sha` its commit.
        commit: change === "deleted" ? undefined : (body.checkout_sha ?? after),
        before: change === "created" ? undefined : before,
        commits: body.commits.slice(-EVENT_LIMITS.commits).map(present),
        commitCount: body.total_commits_count ?? body.commits.length,
      }),
    });
    return { outcome: "event", events: [event] };
  });
}

function changeOf(before: string, after: string): CodeEvent["code"]["change"] {
  if (NO_COMMIT.test(after)) return "deleted";
  return NO_COMMIT.test(before) ? "created" : "updated";
}

const NO_COMMIT = /^0+$/;

const releaseBody = v.object({
  id: wholeNumber,
  action: identifier,
  tag: identifier,
  name: v.nullish(line),
  description: v.nullish(prose),
  created_at: requiredMoment,
  released_at: v.nullish(moment),
  url: v.nullish(link),
  commit: v.nullish(v.object({ id: identifier })),
  project,
});

/** Only the creation is published; edits and removals are ignored. */
export const release = readerOf(releaseBody, (body, { kind }): Reading => {
  if (body.action !== "create") return { outcome: "ignored", kind: `${kind}.${body.action}` };
  const { tag, name, description, commit, url, created_at, released_at } = body;
  const { id, path_with_namespace: path } = body.project;
  return {
    outcome: "event",
    events: [
      {
        type: "release.published",
        keyParts: [String(id), String(body.id), created_at],
        time: released_at ?? created_at,
        subject: `${path} ${tag}`,
        release: present({ project: path, tag, name, description, commit: commit?.id, url }),
      },
    ],
  };
});
