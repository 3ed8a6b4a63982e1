import * as v from "valibot";
import { type CodeEvent, cut, EVENT_LIMITS } from "../model/event.ts";
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

/**
 * `total`: the number of commits, if the server reports it; else at least `limit` commits may be only a part.
 * `mayBeReplaced`: the push may have replaced the history of its branch. `hidesMoves`: the server lists a moved file only
 * under its new path, as one that was added. A commit without one of its lists makes the paths incomplete.
 */
export function commitsPart(
  reported: v.InferOutput<typeof pushedCommits>,
  {
    total,
    limit = Number.POSITIVE_INFINITY,
    mayBeReplaced,
    hidesMoves = false,
  }: {
    readonly total?: number | null | undefined;
    readonly limit?: number;
    readonly mayBeReplaced: boolean;
    readonly hidesMoves?: boolean;
  },
): Pick<CodePart, "commits" | "commitCount"> & { readonly paths: CodePart["paths"] } {
  const commits = (reported ?? []).flatMap((one) => one ?? []);
  const commitCount = total ?? reported?.length ?? 0;
  const all = [...new Set(commits.flatMap(pathsOf))];
  const shown = all.slice(0, EVENT_LIMITS.paths);
  const places = new Map(shown.map((path, at) => [path, at]));
  const placesOf = (one: Commit): readonly number[] => [
    ...new Set(pathsOf(one).flatMap((path) => places.get(path) ?? [])),
  ];
  return {
    commits: commits.slice(-EVENT_LIMITS.commits).map((one) => {
      const { id, message, url, author } = one;
      const paths = commitCount > 1 && hasPaths(one) ? placesOf(one) : undefined;
      return present({ id, message, url, author: author?.name, paths });
    }),
    commitCount,
    paths: commits.some(hasPaths)
      ? {
          changed: shown.map((path) => cut(printable(path), EVENT_LIMITS.path)),
          count: all.length,
          truncated:
            all.length > EVENT_LIMITS.paths ||
            commitCount > commits.length ||
            commitCount >= limit ||
            commits.flatMap(listsOf).includes(UNREADABLE),
          // A missing list is not an empty one: nobody knows what it would have named.
          ...((mayBeReplaced ||
            commits.flatMap(listsOf).some((list) => list === undefined || list === null) ||
            (hidesMoves && commits.some(({ added }) => Array.isArray(added) && added.length > 0))) && {
            incomplete: true as const,
          }),
        }
      : undefined,
  };
}

const listsOf = ({ added, modified, removed }: Commit) => [added, modified, removed];
const hasPaths = (one: Commit): boolean => listsOf(one).some((list) => Array.isArray(list));
const pathsOf = (one: Commit): readonly string[] => listsOf(one).flatMap((list) => (Array.isArray(list) ? list : []));

/** What a push did to its branch or tag, by the hashes before and after it. */
export function refChangeOf(before: string, after: string): CodePart["change"] {
  if (NO_COMMIT.test(after)) return "deleted";
  return NO_COMMIT.test(before) ? "created" : "updated";
}

const NO_COMMIT = /^0+$/;
