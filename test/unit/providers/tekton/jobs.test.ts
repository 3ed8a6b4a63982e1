import { describe, expect, it } from "vitest";
import { ended, eventOf, jobOf, run } from "./reading-events.ts";

const at = "2026-11-02T08:50:00Z";
const step = (exitCode: number, terminationReason?: string) => ({ terminationReason, terminated: { exitCode } });
const condition = (status: string, reason: string, message = "why") => ({
  conditions: [{ type: "Succeeded", status, reason, message, lastTransitionTime: at }],
});

describe("the end of a task", () => {
  it("the reason, the pod and the exit code of a failed task are read", async () => {
    const message = '"step-test" exited with code 1 (image: "node:20")';
    const job = await jobOf({
      status: { ...ended(at, "False", "Failed", message), podName: "docs-1-pod", steps: [step(0), step(1)] },
    });
    expect(job).toMatchObject({ state: "failed", reason: `Failed: ${message}`, exitCode: 1, runner: "docs-1-pod" });
  });

  it.each([
    ["the step that failed, not of those skipped after it", [step(0), step(2, "Error"), step(1, "Skipped")], 2],
    ["the step that failed, not of one that the task ignores", [step(3, "Continued"), step(137)], 137],
    ["no step if none has one", [{ terminated: {} }, {}], undefined],
    ["no step if the list cannot be read", "none", undefined],
  ])("the exit code is that of %s", async (_, steps, code) => {
    expect((await jobOf({ status: { ...ended(at, "False", "Failed"), steps } })).exitCode).toBe(code);
  });

  it("a task that succeeds has no exit code, although it ignored a step's", async () => {
    expect((await jobOf({ status: { steps: [step(3, "Continued"), step(0)] } })).exitCode).toBeUndefined();
  });

  it.each([
    ["TaskRunTimeout", "timed_out"],
    ["TaskRunCancelled", "cancelled"],
    ["StepOOM", "failed"],
    ["TaskRunImagePullFailed", "failed"],
  ])("a task that ends with %s is %s, with its reason", async (reason, state) => {
    const job = await jobOf({ status: ended(at, "False", reason, "why") });
    expect(job).toMatchObject({ state, reason: `${reason}: why` });
  });

  it("an address in a reason or a result has no credentials", async () => {
    const url = "https://bot:hunter2@git.example.test/a.git";
    const job = await jobOf({
      status: {
        ...ended(at, "False", "Failed", `cannot read ${url}`),
        taskResults: [{ name: "url", value: { uri: url } }],
      },
    });
    expect(job.reason).toBe("Failed: cannot read https://git.example.test/a.git");
    expect(job.results).toEqual({ url: '{"uri":"https://git.example.test/a.git"}' });
  });
});

describe("a task that is retried", () => {
  const tries = (count: number) =>
    Array.from({ length: count }, (_, n) => ({ ...ended(at, "False", "Failed"), steps: [step(n + 1)] }));
  const keyOf = async (status: object) => (await eventOf("taskRun", run({ status }))).keyParts;

  it("the failed try is reported as retried, with its exit code, and not as failed", async () => {
    const job = await jobOf({ status: { ...condition("Unknown", "ToBeRetried"), retriesStatus: tries(2) } });
    expect(job).toMatchObject({ state: "running", retried: true, exitCode: 2, reason: "ToBeRetried: why" });
  });

  it("the last try is not reported as retried", async () => {
    const job = await jobOf({ status: { ...ended(at, "False", "Failed"), retriesStatus: tries(1), steps: [step(9)] } });
    expect(job).toMatchObject({ state: "failed", exitCode: 9 });
    expect(job).not.toHaveProperty("retried");
  });

  it("each try, its failure and the next try have keys of their own", async () => {
    const keys = [
      await keyOf({ ...condition("Unknown", "Running"), completionTime: null }),
      await keyOf({ ...condition("Unknown", "ToBeRetried"), retriesStatus: tries(1) }),
      await keyOf({ ...condition("Unknown", "Running"), retriesStatus: tries(1) }),
      await keyOf({ ...condition("Unknown", "ToBeRetried"), retriesStatus: tries(2) }),
      await keyOf({ ...condition("True", "Succeeded"), retriesStatus: tries(2) }),
    ];
    expect(new Set(keys.map((key) => key.join())).size).toBe(keys.length);
  });
});

describe("a task that waits", () => {
  it.each(["Started", "Pending", "ExceededNodeResources", "ExceededResourceQuota", "ResolvingTaskRef"])(
    "a task with reason %s is queued until its pod runs",
    async (reason) => {
      expect(await jobOf({ status: condition("Unknown", reason) })).toHaveProperty("state", "queued");
    },
  );

  it("a task is queued before it runs, whatever it waited for, and each is one event", async () => {
    const keys = await Promise.all(
      ["Started", "Pending", "Running"].map(async (reason) =>
        (await eventOf("taskRun", run({ status: condition("Unknown", reason) }))).keyParts.join(),
      ),
    );
    expect(keys).toEqual(["uid-1,queued", "uid-1,queued", "uid-1,running"]);
  });
});
