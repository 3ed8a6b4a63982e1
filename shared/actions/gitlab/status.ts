import { buildOrder } from "../../model/build-order.ts";
import { type BuildPart, type BuildState, cut } from "../../model/event.ts";

/** A commit status as it is set: https://docs.gitlab.com/api/commits/#set-commit-pipeline-status. */
export interface CommitStatus {
  readonly state: string;
  readonly name: string;
  /** One line for people, and at its end the mark that {@link orderIn} reads. */
  readonly description: string;
  readonly targetUrl?: string;
}

/** The status that tells of `build` under a name. */
export function statusOf(build: BuildPart, name: string): CommitStatus {
  const mark = ` [${buildOrder(build)}]`;
  const { state, number, reason, url } = build;
  const text = [number === undefined ? state : `#${number} ${state}`, reason].filter((part) => part).join(": ");
  return {
    state: STATES[state],
    name: cut(name, MAX_LENGTH),
    description: `${cut(text, MAX_LENGTH - mark.length)}${mark}`,
    ...(url !== undefined && url.length <= MAX_LENGTH && { targetUrl: url }),
  };
}

/**
 * The order of the build that a status tells of; nothing in a status that somebody else set. Kept in the status itself,
 * so that what GitLab shows and what it is compared with are one thing.
 */
export const orderIn = ({ description }: Pick<CommitStatus, "description">): string | undefined =>
  MARK.exec(description)?.[1];

const MARK = / \[([^[\]|]{0,40}\|\d{12,16}\|[012]\|[^[\]|]{0,40})\]$/;

/** Name, description and address have this many characters at most. */
const MAX_LENGTH = 255;

/** GitLab lets a status go from `running` to an end, and never back to `pending`: who waits is running. */
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
