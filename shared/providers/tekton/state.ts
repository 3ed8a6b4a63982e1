import type { BuildState } from "../../model/event.ts";

/** The `Succeeded` condition of a run. */
interface Condition {
  readonly status: "True" | "False" | "Unknown";
  readonly reason?: string | null | undefined;
}

/**
 * How far a run is. Tekton has one event type for every end that is no success; only the condition's reason tells a
 * cancelled and a timed-out run from a failed one. The list of reasons is open: one never seen before counts by its
 * status alone (https://tekton.dev/docs/pipelines/pipelineruns/#monitoring-execution-status).
 */
export function stateOf(condition: Condition | undefined): BuildState {
  if (!condition) return "queued";
  const reason = condition.reason ?? "";
  if (condition.status === "True") return "succeeded";
  if (condition.status === "Unknown") return reason === "" || WAITING.has(reason) ? "queued" : "running";
  if (CANCELLED.has(reason)) return "cancelled";
  return TIMED_OUT.has(reason) ? "timed_out" : "failed";
}

/** A run that still runs only to come to its end: shown as running, and told apart from it by its reason. */
export const isStopping = ({ status, reason }: Condition): boolean =>
  status === "Unknown" && STOPPING.has(reason ?? "");

const WAITING: ReadonlySet<string> = new Set(["PipelineRunPending", "ResolvingPipelineRef", "ResolvingTaskRef"]);
const STOPPING: ReadonlySet<string> = new Set([
  "Cancelled",
  "CancelledRunningFinally",
  "StoppedRunningFinally",
  "PipelineRunStopping",
  "PipelineRunTimeoutRunningFinally",
]);
const CANCELLED: ReadonlySet<string> = new Set(["Cancelled", "TaskRunCancelled", "CustomRunCancelled"]);
const TIMED_OUT: ReadonlySet<string> = new Set(["PipelineRunTimeout", "TaskRunTimeout", "CustomRunTimedOut"]);
