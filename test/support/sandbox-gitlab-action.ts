import { gitlab } from "../../shared/actions/gitlab/index.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import type { AllStores } from "./all-stores.ts";
import { memoryStores } from "./memory-stores.ts";
import { causeOf, reportBench } from "./report-bench.ts";
import type { SandboxGitlab } from "./sandbox-gitlab.ts";
import { type TestClock, testClock } from "./test-doubles.ts";

/** The stores of the bridge that writes to a sandbox. */
const stores = new WeakMap<SandboxGitlab, AllStores>();

/** The action, connected to the sandbox. All benches of one sandbox are one bridge. */
export function statusBench(
  sandbox: SandboxGitlab,
  options: object = {},
  target: object = {},
  clock: TestClock = testClock(),
): ReturnType<typeof reportBench> {
  const { token, url } = sandbox;
  const opened = stores.get(sandbox) ?? memoryStores();
  stores.set(sandbox, opened);
  const { commitStatuses, changeComments } = opened;
  return reportBench(gitlab, {
    token,
    options,
    target: { url, ...target },
    deps: { commitStatuses, changeComments, clock },
  });
}

/** The push of the sandbox's commit to `main`, as published. */
export function pushTo({ project, sha: commit, url }: SandboxGitlab, changes: object = {}): BusEvent {
  const ref = { ref: "refs/heads/main", name: "main", change: "updated", commits: [], commitCount: 1 };
  const code = { ...ref, project, commit, projectUrl: `${url}/${project}`, ...changes };
  return causeOf("gitlab", { type: "code.pushed", code });
}

/** The number of requests that set a status. */
export const writesTo = ({ requests }: SandboxGitlab): number =>
  requests.filter(({ method }) => method === "POST").length;
