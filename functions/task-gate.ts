import { approvalTasks, type ClusterAccess } from "../shared/cluster/approval-tasks.ts";
import { askBridge, type BridgeSource, postToBridge } from "../shared/cluster/bridge-source.ts";
import { Counters } from "../shared/cluster/counters.ts";
import { plain, serveHealth } from "../shared/cluster/pages.ts";
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
  readonly address: Omit<ListenAddress, "tls">;
  readonly log: Log;
}

/** Lets the bridge decide the tasks that wait inside runs of a cluster. */
export async function startTaskGate({ source, cluster, namespaces, address, log }: TaskGateOptions): Promise<Part> {
  const counters = new Counters(TASK_GATE_COUNTERS);
  const gate = new TaskGate({
    namespaces,
    tasks: approvalTasks(cluster),
    post: (event) => postToBridge(event, source),
    ask: (path) => askBridge(path, source),
    counters,
    clock,
    log,
  });
  const loop = new Loop("tasks", { everyMs: ROUND_MS, log }, () => gate.round());
  const app = {
    fetch: async ({ method, url }: Request) =>
      serveHealth(method, new URL(url).pathname, counters) ?? plain(404, "there is no such path"),
  };
  const server = await listen(app, address, new Admission({ limits: ADMISSION_LIMITS, maxBodyBytes: () => 0, log }));
  loop.nudge();
  return {
    url: server.url,
    reload: () => loop.nudge(),
    stop: async () => {
      await Promise.all([loop.stop(), server.close()]);
      return "finished";
    },
  };
}

/** A person who decided looks at the run within seconds. */
const ROUND_MS = 5_000;
