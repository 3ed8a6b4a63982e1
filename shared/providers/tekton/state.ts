import type { BuildState } from "../../model/event.ts";

/** The `Succeeded` condition of a run. */
interface Condition {
  readonly status: "True" | "False" | "Unknown";
  readonly reason?: string | null | undefined;
}

/**
 * Returns the state of a run. Tekton has one event type for every end that is not a success. Only the condition's
 * reason distinguishes a cancelled or timed-out run from a failed one. The list of reasons is open: for an unknown
 * reason only the status counts (https://tekton.dev/docs/pipelines/pipelineruns/#monitoring-execution-status).
 */
export function stateOf(condition: Condition | undefined): BuildState {
  if (!condition) return "queued";
  const reason = condition.reason ?? "";
  if (condition.status === "True") return "succeeded";
  if (condition.status === "Unknown") return reason === "" || WAITING.test(reason) ? "queued" : "running";
  if (CANCELLED.has(reason)) return "cancelled";
  return TIMED_OUT.has(reason) ? "timed_out" : "failed";
}

/** Returns whether a run still runs only to stop. It is shown as running; the condition's reason distinguishes it. */
export const isStopping = ({ status, reason }: Condition): boolean =>
  status === "Unknown" && STOPPING.has(reason ?? "");

/** Waits for a person, for a reference (`ResolvingTaskRef`), for its pod, or for room in the cluster. */
const WAITING = /Pending$|Resolving|^Exceeded(NodeResources|ResourceQuota)$/;
const STOPPING: ReadonlySet<string> = new Set([
  "Cancelled",
  "CancelledRunningFinally",
  "StoppedRunningFinally",
  "PipelineRunStopping",
  "PipelineRunTimeoutRunningFinally",
]);
const CANCELLED: ReadonlySet<string> = new Set(["Cancelled", "TaskRunCancelled", "CustomRunCancelled"]);
const TIMED_OUT: ReadonlySet<string> = new Set(["PipelineRunTimeout", "TaskRunTimeout", "CustomRunTimedOut"]);
