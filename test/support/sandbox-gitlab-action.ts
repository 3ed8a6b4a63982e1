import { gitlab } from "../../shared/actions/gitlab/index.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import { causeOf, reportBench } from "./report-bench.ts";
import type { SandboxGitlab } from "./sandbox-gitlab.ts";

/** The action, connected to the sandbox. */
export const statusBench = ({ token, url }: SandboxGitlab, options: object = {}, target: object = {}) =>
  reportBench(gitlab, { token, options, target: { url, ...target } });

/** The push of the sandbox's commit to `main`, as published. */
export function pushTo({ project, sha: commit, url }: SandboxGitlab, changes: object = {}): BusEvent {
  const ref = { ref: "refs/heads/main", name: "main", change: "updated", commits: [], commitCount: 1 };
  const code = { ...ref, project, commit, projectUrl: `${url}/${project}`, ...changes };
  return causeOf("gitlab", { type: "code.pushed", code });
}

/** The number of requests that set a status. */
export const writesTo = ({ requests }: SandboxGitlab): number =>
  requests.filter(({ method }) => method === "POST").length;
