import { toIso } from "../../host/clock.ts";
import { type CodeSince, commitsSince, type DocumentedPush } from "../../model/code-since.ts";
import { type LinkHosts, linkTo } from "../link-hosts.ts";
import { linked } from "./render-region.ts";
import { escapeStart } from "./storage-text.ts";

/**
 * The last line of a region: how many commits changed what the page documents since a person edited or reviewed it, with a
 * link to what they changed. Empty if there are none. `own-content.ts` must recognize all that is written here.
 */
export function codeLine(code: CodeSince, linkHosts: LinkHosts): string {
  const { count, isMore, pushes } = commitsSince(code);
  const first = pushes.at(-1);
  if (count === 0 || !first) return "";
  const projects = [...new Set(pushes.map(({ project }) => project))];
  const parts = projects.slice(0, MAX_PROJECTS).map((project) =>
    commitsIn(
      project,
      pushes.filter((push) => push.project === project),
      linkHosts,
    ),
  );
  const others = projects.slice(MAX_PROJECTS);
  if (others.length > 0) {
    const more = pushes.filter(({ project }) => others.includes(project));
    parts.push(`${commits(more)} in ${others.length} more ${others.length === 1 ? "repository" : "repositories"}`);
  }
  const since = code.seen ? `this page was ${code.seen.how}` : "the count began";
  return `<p><small>${isMore ? "At least " : ""}${parts.join("; ")} since ${since} on ${dayOf(code, first)}.</small></p>`;
}

const MAX_PROJECTS = 3;
const MAX_PATHS = 3;
/** UTF-16 code units. */
const NAME_LIMIT = 100;

const dayOf = ({ seen }: CodeSince, { at }: DocumentedPush): string =>
  `<time datetime="${toIso(seen?.at ?? at).slice(0, 10)}" />`;

/** `pushes` are those of the project, newest first. */
function commitsIn(project: string, pushes: readonly DocumentedPush[], linkHosts: LinkHosts): string {
  const paths = [...new Set(pushes.flatMap((push) => push.paths))].sort();
  const link = linkTo(compareUrlOf(pushes), linkHosts);
  return `${linked(commits(pushes), link, ADDRESS_LIMIT)}${touched(paths)} in ${nameOf(project)}`;
}

/** Two hashes of 64 digits, and the address of the repository. */
const ADDRESS_LIMIT = 500;

function commits(pushes: readonly DocumentedPush[]): string {
  const count = pushes.reduce((sum, push) => sum + push.commits.length, 0);
  return `${count} ${count === 1 ? "commit" : "commits"}`;
}

function touched(paths: readonly string[]): string {
  if (paths.length === 0) return "";
  const more = paths.length - MAX_PATHS;
  return ` touched ${paths.slice(0, MAX_PATHS).map(nameOf).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** The line is recognized by its blanks, so a name has none. */
const nameOf = (name: string): string => escapeStart(name.trim().replace(/\s+/g, "\u2423"), NAME_LIMIT) || "?";

/** From the state before the oldest push to the state after the newest one. */
function compareUrlOf(pushes: readonly DocumentedPush[]): string | undefined {
  const [newest, oldest] = [pushes[0]?.compare, pushes.at(-1)?.compare];
  return newest && oldest ? `${newest.start}${oldest.before}...${newest.commit}` : undefined;
}
