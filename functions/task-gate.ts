import { approvalTasks } from "../shared/cluster/approval-tasks.ts";
import { askBridge, type BridgeSource, postToBridge } from "../shared/cluster/bridge-source.ts";
import type { ClusterAccess } from "../shared/cluster/cluster-api.ts";
import { Counters } from "../shared/cluster/counters.ts";
import { plain, serveHealth } from "../shared/cluster/pages.ts";
import { pipelineRuns } from "../shared/cluster/pipeline-runs.ts";
import { RUN_CANCELLER_COUNTERS, RunCanceller } from "../shared/cluster/run-canceller.ts";
import { TASK_GATE_COUNTERS, TaskGate } from "../shared/cluster/task-gate.ts";
import { systemClock as clock } from "../shared/host/clock.ts";
import type { Log } from "../shared/host/log.ts";
import { Loop } from "../shared/host/loop.ts";
import { ADMISSION_LIMITS, Admission } from "../shared/http/admission.ts";
import { type ListenAddress, listen } from "../shared/http/listen.ts";
import type { Part } from "./interceptor.ts";

interface TaskGateOptions {
  readonly source: BridgeSource;
  readonly cluster: ClusterAccess;
  /** Whose tasks are decided. */
  readonly namespaces: readonly string[];
  /** Whose runs may be cancelled. */
  readonly runNamespaces: readonly string[];
  readonly address: Omit<ListenAddress, "tls">;
  readonly log: Log;
}

/** Lets the bridge decide the tasks that wait inside runs of a cluster, and cancel runs that something newer replaces. */
export async function startTaskGate({
  source,
  cluster,
  namespaces,
  runNamespaces,
  address,
  log,
}: TaskGateOptions): Promise<Part> {
  const counters = new Counters({ ...TASK_GATE_COUNTERS, ...RUN_CANCELLER_COUNTERS });
  const gate = new TaskGate({
    namespaces,
    tasks: approvalTasks(cluster),
    post: (event) => postToBridge(event, source),
    ask: (path) => askBridge(path, source),
    counters,
    clock,
    log,
  });
  const canceller = new RunCanceller({
    namespaces: runNamespaces,
    runs: pipelineRuns(cluster),
    ask: (path, body) => askBridge(path, source, body),
    counters,
    log,
  });
  const loops = [
    ...(namespaces.length === 0 ? [] : [new Loop("tasks", { everyMs: ROUND_MS, log }, () => gate.round())]),
    ...(runNamespaces.length === 0 ? [] : [new Loop("runs", { everyMs: ROUND_MS, log }, () => canceller.round())]),
  ];
  const app = {
    fetch: async ({ method, url }: Request) =>
      serveHealth(method, new URL(url).pathname, counters) ?? plain(404, "there is no such path"),
  };
  const server = await listen(app, address, new Admission({ limits: ADMISSION_LIMITS, maxBodyBytes: () => 0, log }));
  for (const loop of loops) loop.nudge();
  return {
    url: server.url,
    reload: () => {
      for (const loop of loops) loop.nudge();
    },
    stop: async () => {
      await Promise.all([...loops.map((loop) => loop.stop()), server.close()]);
      return "finished";
    },
  };
}

/** A person who decided looks at the run within seconds. */
const ROUND_MS = 5_000;
