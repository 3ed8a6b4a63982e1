import { codeLine } from "../../shared/actions/confluence/code-line.ts";
import { epochMillis } from "../../shared/host/clock.ts";
import { type CodeSince, type DocumentedPush, NO_CODE, withPush, withSeen } from "../../shared/model/code-since.ts";

const START = Date.parse("2026-11-02T09:00:00Z");

/** What is counted after one push for each project and its paths. */
export function codeOf(
  pushes: readonly (Pick<DocumentedPush, "project" | "paths"> & { readonly commits?: number })[],
  { seen, isPartial = false }: { readonly seen?: "edited" | "reviewed"; readonly isPartial?: boolean } = {},
): CodeSince {
  const counted = pushes.reduce<CodeSince>(
    (code, { project, paths, commits = 1 }, at) =>
      withPush(code, {
        at: epochMillis(START + at),
        project,
        paths,
        isPartial,
        commits: Array.from({ length: commits }, (_, n) => `commit${at}-${n}`),
        compare: {
          start: `https://git.example.test/${encodeURI(project)}/-/compare/`,
          before: "1".repeat(40),
          commit: "2".repeat(40),
        },
      }),
    NO_CODE,
  );
  return seen ? withSeen(counted, { at: epochMillis(START - 1), how: seen }) : counted;
}

/** Last lines of every form. */
export const CODE_LINES: readonly string[] = [
  codeOf([{ project: "platform/docs", paths: ["deploy/"], commits: 14 }], { seen: "edited" }),
  codeOf([{ project: "platform/docs", paths: [] }], { seen: "reviewed", isPartial: true }),
  codeOf([{ project: "platform/<docs> & co", paths: ["my docs/", "a", "b; c", "d, e", "f"] }]),
  codeOf(["a/b", "c/d", "e/f", "g/h", "i/j"].map((project) => ({ project, paths: ["x"] }))),
].map((code) => codeLine(code, undefined));
