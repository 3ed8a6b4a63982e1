import { describe, expect, it } from "vitest";
import { isStopping, stateOf } from "../../../../shared/providers/tekton/state.ts";

describe("state of a Tekton run", () => {
  it("a run without a condition is queued", () => {
    expect(stateOf(undefined)).toBe("queued");
  });

  it.each([
    ["Unknown", undefined, "queued"],
    ["Unknown", "PipelineRunPending", "queued"],
    ["Unknown", "ResolvingPipelineRef", "queued"],
    ["Unknown", "ResolvingTaskRef", "queued"],
    ["Unknown", "Started", "running"],
    ["Unknown", "Running", "running"],
    ["Unknown", "ToBeRetried", "running"],
    ["Unknown", "Cancelled", "running"],
    ["Unknown", "CancelledRunningFinally", "running"],
    ["Unknown", "NeverSeenBefore", "running"],
    ["True", "Succeeded", "succeeded"],
    ["True", "Completed", "succeeded"],
    ["True", "NeverSeenBefore", "succeeded"],
    ["True", undefined, "succeeded"],
    ["False", "Cancelled", "cancelled"],
    ["False", "TaskRunCancelled", "cancelled"],
    ["False", "CustomRunCancelled", "cancelled"],
    ["False", "PipelineRunTimeout", "timed_out"],
    ["False", "TaskRunTimeout", "timed_out"],
    ["False", "CustomRunTimedOut", "timed_out"],
    ["False", "Failed", "failed"],
    ["False", "CouldntGetPipeline", "failed"],
    ["False", "StepOOM", "failed"],
    ["False", "NeverSeenBefore", "failed"],
    ["False", undefined, "failed"],
  ] as const)("a run with condition %s and reason %s is %s", (status, reason, state) => {
    expect(stateOf({ status, reason })).toBe(state);
  });

  it.each([
    ["Unknown", "Cancelled", true],
    ["Unknown", "StoppedRunningFinally", true],
    ["Unknown", "PipelineRunTimeoutRunningFinally", true],
    ["Unknown", "Running", false],
    ["False", "Cancelled", false],
  ] as const)("a run with condition %s and reason %s is stopping: %s", (status, reason, stopping) => {
    expect(isStopping({ status, reason })).toBe(stopping);
  });
});
