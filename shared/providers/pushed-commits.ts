import * as v from "valibot";
import { type ChangedPaths, type CodeEvent, cut, EVENT_LIMITS } from "../model/event.ts";
import { deciding, identifier, line, link, optional, orUnreadable, present, printable, UNREADABLE } from "./payload.ts";

/** One wrong item makes the whole list unreadable, so that the others do not pass for all. */
const files = orUnreadable(v.array(v.string()));

/** A commit of a push, as git servers report it. Not every server reports its files. */
const commit = v.object({
  id: v.pipe(identifier, v.maxLength(100)),
  message: line,
  url: optional(link),
  author: optional(v.object({ name: optional(line) })),
  added: files,
  modified: files,
  removed: files,
});

type Commit = v.InferOutput<typeof commit>;

/** The commits of a push, oldest first. One that cannot be read still counts. */
export const pushedCommits = deciding(v.array(optional(commit)));

type CodePart = CodeEvent["code"];

/** `total`: the number of commits, if the server reports it; else at least `limit` commits may be only a part. */
export function commitsPart(
  reported: v.InferOutput<typeof pushedCommits>,
  { total, limit = Number.POSITIVE_INFINITY }: { readonly total?: number | null | undefined; readonly limit?: number },
): Pick<CodePart, "commits" | "commitCount"> & { readonly paths: CodePart["paths"] } {
  const commits = (reported ?? []).flatMap((one) => one ?? []);
  const commitCount = total ?? reported?.length ?? 0;
  return {
    commits: commits
      .slice(-EVENT_LIMITS.commits)
      .map(({ id, message, url, author }) => present({ id, message, url, author: author?.name })),
    commitCount,
    paths: changedPathsOf(commits, commitCount > commits.length || commitCount >= limit),
  };
}

/** The paths that the commits name; undefined if no commit does. */
function changedPathsOf(commits: readonly Commit[], hasMore: boolean): ChangedPaths | undefined {
  const lists = commits.flatMap(({ added, modified, removed }) => [added, modified, removed]);
  const readable = lists.filter((list) => Array.isArray(list));
  if (readable.length === 0) return undefined;
  const all = [...new Set(readable.flat())];
  return {
    changed: all.slice(0, EVENT_LIMITS.paths).map((path) => cut(printable(path), EVENT_LIMITS.path)),
    count: all.length,
    truncated: all.length > EVENT_LIMITS.paths || hasMore || lists.includes(UNREADABLE),
  };
}

/** What a push did to its branch or tag, by the hashes before and after it. */
export function refChangeOf(before: string, after: string): CodePart["change"] {
  if (NO_COMMIT.test(after)) return "deleted";
  return NO_COMMIT.test(before) ? "created" : "updated";
}

const NO_COMMIT = /^0+$/;
