import { jsonEscapeOf, replaceHidden, withoutHidden } from "../../host/hidden-characters.ts";
import { buildOrder } from "../../model/build-order.ts";
import { type BuildPart, type BuildState, cut } from "../../model/event.ts";
import { type LinkHosts, linkTo } from "../link-hosts.ts";

/** The request to set a commit status: https://docs.gitlab.com/api/commits/#set-commit-pipeline-status. */
export interface CommitStatus {
  readonly state: string;
  readonly name: string;
  /** One line for people that ends with the mark that {@link orderIn} reads. */
  readonly description: string;
  readonly targetUrl?: string;
}

/** Returns the status that shows `build` under a name, with a link if its host is allowed. */
export function statusOf(build: BuildPart, { name, linkHosts }: { name: string; linkHosts: LinkHosts }): CommitStatus {
  const mark = ` [${buildOrder(build)}]`;
  const { state, number, reason, url } = build;
  const text = [number === undefined ? state : `#${number} ${state}`, reason].filter((part) => part).join(": ");
  return {
    state: STATES[state],
    // Not dropped: two names would become one, and one status would hide the other.
    name: cut(replaceHidden(name, jsonEscapeOf), MAX_LENGTH),
    description: `${cut(withoutHidden(text), MAX_LENGTH - mark.length)}${mark}`,
    ...(url !== undefined && url.length <= MAX_LENGTH && linkTo(url, linkHosts) !== undefined && { targetUrl: url }),
  };
}

/**
 * The order of the build that a status shows; undefined for a status that the bridge did not set. The order is stored
 * in the status itself, so it always belongs to what GitLab shows.
 */
export const orderIn = ({ description }: Pick<CommitStatus, "description">): string | undefined =>
  MARK.exec(description)?.[1];

const MARK = / \[([^[\]|]{0,40}\|\d{12,16}\|(?:[^[\]|]{1,80}\|)?[0-3]\|[^[\]|]{0,40})\]$/;

/** Largest number of characters of name, description and address. */
const MAX_LENGTH = 255;

/** GitLab does not allow a status to go from `running` back to `pending`, so a waiting run is shown as `running`. */
const STATES: Readonly<Record<BuildState, string>> = {
  queued: "pending",
  running: "running",
  waiting: "running",
  succeeded: "success",
  failed: "failed",
  timed_out: "failed",
  cancelled: "canceled",
  skipped: "skipped",
};
