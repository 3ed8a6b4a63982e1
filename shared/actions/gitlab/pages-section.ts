import { withoutHidden } from "../../host/hidden-characters.ts";
import { type BuildState, cut } from "../../model/event.ts";
import type { ShownPage } from "../../store/change-comments.ts";
import { type LinkHosts, linkTo } from "../link-hosts.ts";

/** Pages that are listed. Of more, those with a failure are listed first. */
const MAX_LISTED = 20;

/** The section `pages`: one line for each page and pipeline, failures first, then the newest. */
export function pagesSection(pages: readonly ShownPage[], linkHosts: LinkHosts): string {
  const sorted = [...pages].sort(
    (one, other) =>
      Number(isFailure(other.state)) - Number(isFailure(one.state)) ||
      compare(other.at, one.at) ||
      compare(`${one.url} ${one.pipeline}`, `${other.url} ${other.pipeline}`),
  );
  const left = sorted.length - MAX_LISTED;
  return [
    "**Pages that show the pipelines of this merge request**",
    "",
    ...sorted.slice(0, MAX_LISTED).map((page) => lineOf(page, linkHosts)),
    ...(left > 0 ? [`- and ${left} more`] : []),
    "",
    "_Kept by Drawbridge. An edit of this list is replaced; text outside of it stays._",
  ].join("\n");
}

const isFailure = (state: BuildState): boolean => state === "failed" || state === "timed_out";

const compare = (one: string, other: string): number => Number(one > other) - Number(one < other);

function lineOf({ url, title, pipeline, state, at }: ShownPage, linkHosts: LinkHosts): string {
  const name = codeOf(title ?? "a page");
  const link = linkTo(url, linkHosts);
  const [, day, time] = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)/.exec(at) ?? [];
  const page = link === undefined ? name : `[${name}](<${link}>)`;
  const when = day === undefined ? "" : `, ${day} ${time} UTC`;
  return `- **${state.replaceAll("_", " ")}**: ${page} (${codeOf(pipeline)}${when})`;
}

/**
 * Somebody's text as inline code: no Markdown, HTML, mention, reference or quick action of GitLab has an effect in it. It
 * has one line and no backtick, so it cannot end the code.
 */
export const codeOf = (text: string): string => {
  const plain = cut(withoutHidden(text).replace(/[\s\p{Cc}]+/gu, " "), MAX_TEXT_LENGTH).replaceAll("`", "'");
  return `\`${plain.trim() || "?"}\``;
};

const MAX_TEXT_LENGTH = 100;
