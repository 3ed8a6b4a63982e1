import type { ActionOutcome } from "../../model/action-outcome.ts";
import type { StatusClient } from "./client.ts";
import type { Commit } from "./commit.ts";
import { type CommitStatus, orderIn } from "./status.ts";

/**
 * Sets a status unless GitLab shows a later state, and then reads again what GitLab shows. If two attempts run at once,
 * the later one sees both statuses and sets the later state again. Otherwise a `running` written after the end would
 * stay for ever.
 */
export async function showStatus(reported: CommitStatus, commit: Commit, client: StatusClient): Promise<ActionOutcome> {
  let wasRejected = false;
  for (let round = 0; round <= MAX_WRITES; round++) {
    const listed = await client.list(commit, reported.name);
    if (listed.kind === "ended") return listed.outcome;
    const [shown] = listed.found;
    const furthest = listed.found.reduce(further, reported);
    if (shown && orderIn(shown) === orderIn(furthest)) return done(shown, commit);
    // Some servers do not accept the same state twice: https://gitlab.com/gitlab-org/gitlab/-/merge_requests/198626
    if (shown && wasRejected && shown.state === furthest.state) return done(shown, commit);
    if (wasRejected) return rejected(furthest, shown);
    if (round === MAX_WRITES) break;
    const written = await client.set(commit, furthest);
    if (written.kind === "ended") return written.outcome;
    wasRejected = written.kind === "rejected";
  }
  return { outcome: "retry", summary: "others kept setting this status", targetAnswered: true };
}

const MAX_WRITES = 3;

const orderOf = (status: CommitStatus): string => orderIn(status) ?? "";

const further = (one: CommitStatus, other: CommitStatus): CommitStatus => (orderOf(other) > orderOf(one) ? other : one);

const done = ({ name, state }: CommitStatus, { project, sha }: Commit): ActionOutcome => ({
  outcome: "done",
  summary: `GitLab shows "${name}" as ${state}`,
  facts: { commit: `${project}@${sha}` },
});

const rejected = ({ state }: CommitStatus, shown: CommitStatus | undefined): ActionOutcome => ({
  outcome: "give_up",
  summary: `GitLab does not let the status go from ${shown?.state ?? "nothing"} to ${state}`,
});
