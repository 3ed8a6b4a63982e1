import { linkTo } from "../link-hosts.ts";
import { sectionIn } from "./comment-body.ts";
import { codeOf } from "./pages-section.ts";
import type { CommitStatus } from "./status.ts";

/**
 * The results of one commit in the comment of its merge request, one line for each name. The lines of other names stay, if
 * they are of the same commit.
 */
export function resultsSection(body: string, commit: string, status: CommitStatus): string {
  const title = `**Results for ${codeOf(commit.slice(0, 12))}**`;
  const [first, ...others] = sectionIn(body, "results");
  const name = codeOf(status.name);
  const link = linkTo(status.targetUrl, undefined);
  const shown = link === undefined ? name : `[${name}](<${link}>)`;
  const line = `- **${status.state}**: ${shown} (${codeOf(status.description)})`;
  const kept = first === title ? others.filter((one) => one.startsWith("- **") && !isOf(name, one)) : [];
  return [title, "", ...[...kept, line].sort(), "", "_Kept by Drawbridge: it may not set a status in the fork._"].join(
    "\n",
  );
}

/** A line begins with the state and the name, which may be a link. */
const isOf = (name: string, line: string): boolean =>
  [": ", ": ["].some((before) => line.replace(/^- \*\*[a-z]+\*\*/, "").startsWith(`${before}${name}`));
