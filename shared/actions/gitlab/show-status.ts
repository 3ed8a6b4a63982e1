import type { ActionOutcome } from "../../model/action-outcome.ts";
import type { StatusClient } from "./client.ts";
import type { Commit } from "./commit.ts";
import { type CommitStatus, orderIn } from "./status.ts";

/**
 * Sets a status unless GitLab has one that is further on, and reads again what it then shows: of two attempts at once the
 * later one sees both statuses, and sets the one that is further on once more. A `running` that came after the end would
 * otherwise stand there for ever.
 */
export async function showStatus(told: CommitStatus, commit: Commit, client: StatusClient): Promise<ActionOutcome> {
  let wasRefused = false;
  for (let round = 0; round <= MAX_WRITES; round++) {
    const listed = await client.list(commit, told.name);
    if (listed.kind === "ended") return listed.outcome;
    const [shown] = listed.found;
    const furthest = listed.found.reduce(further, told);
    if (shown && orderIn(shown) === orderIn(furthest)) return done(shown, commit);
    // Servers that do not take a state twice: https://gitlab.com/gitlab-org/gitlab/-/merge_requests/198626
    if (shown && wasRefused && shown.state === furthest.state) return done(shown, commit);
    if (wasRefused) return refused(furthest, shown);
    if (round === MAX_WRITES) break;
    const written = await client.set(commit, furthest);
    if (written.kind === "ended") return written.outcome;
    wasRefused = written.kind === "refused";
  }
  return { outcome: "retry", summary: "others kept setting this status" };
}

const MAX_WRITES = 3;

const orderOf = (status: CommitStatus): string => orderIn(status) ?? "";

const further = (one: CommitStatus, other: CommitStatus): CommitStatus => (orderOf(other) > orderOf(one) ? other : one);

const done = ({ name, state }: CommitStatus, { project, sha }: Commit): ActionOutcome => ({
  outcome: "done",
  summary: `GitLab shows "${name}" as ${state}`,
  facts: { commit: `${project}@${sha}` },
});

const refused = ({ state }: CommitStatus, shown: CommitStatus | undefined): ActionOutcome => ({
  outcome: "give_up",
  summary: `GitLab does not let the status go from ${shown?.state ?? "nothing"} to ${state}`,
});
