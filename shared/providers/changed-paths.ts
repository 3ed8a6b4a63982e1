import * as v from "valibot";
import { type ChangedPaths, cut, EVENT_LIMITS } from "../model/event.ts";
import { listOf, optional, printable } from "./payload.ts";

const files = optional(listOf(v.string()));

/** The members of a commit that name its files. Not every sender reports them. */
export const commitFiles = { added: files, modified: files, removed: files };

type CommitFiles = { readonly [Name in keyof typeof commitFiles]?: v.InferOutput<typeof files> };

/** The paths that the commits name; undefined if no commit does. `hasMore`: the push has commits that are not reported. */
export function changedPathsOf(commits: readonly CommitFiles[], hasMore: boolean): ChangedPaths | undefined {
  if (!commits.some(({ added, modified, removed }) => added ?? modified ?? removed)) return undefined;
  const lists = commits.flatMap(({ added, modified, removed }) => [added ?? [], modified ?? [], removed ?? []]);
  const all = [...new Set(lists.flat())];
  return {
    changed: all.slice(0, EVENT_LIMITS.paths).map((path) => cut(printable(path), EVENT_LIMITS.path)),
    count: all.length,
    truncated: all.length > EVENT_LIMITS.paths || hasMore,
  };
}
