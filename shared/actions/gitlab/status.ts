import { jsonEscapeOf, replaceHidden, withoutHidden } from "../../host/hidden-characters.ts";
import { type BuildPart, type BuildState, cut } from "../../model/event.ts";
import { type LinkHosts, linkTo } from "../link-hosts.ts";

/** The request to set a commit status: https://docs.gitlab.com/api/commits/#set-commit-pipeline-status. */
export interface CommitStatus {
  readonly state: string;
  readonly name: string;
  /** One line for people. */
  readonly description: string;
  readonly targetUrl?: string;
}

/** Returns the status that shows `build` under a name, with a link if its host is allowed. */
export function statusOf(build: BuildPart, { name, linkHosts }: { name: string; linkHosts: LinkHosts }): CommitStatus {
  const { state, number, reason, url } = build;
  const text = [number === undefined ? state : `#${number} ${state}`, reason].filter((part) => part).join(": ");
  return {
    state: STATES[state],
    // Not dropped: two names would become one, and one status would hide the other.
    name: cut(replaceHidden(name, jsonEscapeOf), MAX_LENGTH),
    description: cut(withoutHidden(text), MAX_LENGTH),
    ...(url !== undefined && linkTo(url, linkHosts) !== undefined && { targetUrl: url }),
  };
}

/** Largest number of characters of name, description and address. */
export const MAX_LENGTH = 255;

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
