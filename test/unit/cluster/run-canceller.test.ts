import { describe, expect, it } from "vitest";
import { Counters } from "../../../shared/cluster/counters.ts";
import type { PipelineRun } from "../../../shared/cluster/pipeline-runs.ts";
import { RUN_CANCELLER_COUNTERS, RunCanceller } from "../../../shared/cluster/run-canceller.ts";
import { Fault } from "../../../shared/host/fault.ts";
import { silentLog } from "../../support/test-doubles.ts";

type Answer = "none" | "error" | { readonly of: string; readonly status?: string };

/** A process that looks for runs in these namespaces. Each of them answers the same for every run. */
function cancelling(namespaces: Record<string, Answer>, runs = 1) {
  const cancelled: string[] = [];
  const reported: (readonly { readonly id: string; readonly problem: string }[])[] = [];
  const canceller = new RunCanceller({
    namespaces: Object.keys(namespaces),
    runs: {
      get: async (namespace, name): Promise<PipelineRun | undefined> => {
        const answer = namespaces[namespace] ?? "none";
        if (answer === "none") return undefined;
        if (answer === "error") throw new Fault("target_unreachable", "it answered 500", { retryable: true });
        const annotations = { "drawbridge.dev/delivery": answer.of };
        return {
          metadata: { name, namespace, resourceVersion: "1", annotations },
          spec: { status: answer.status ?? "" },
          status: {},
        };
      },
      cancel: async ({ metadata: { namespace } }) => {
        cancelled.push(namespace);
        return 200;
      },
    },
    ask: async (_path, body) => {
      const { failed } = body as { readonly failed: (typeof reported)[number] };
      reported.push(failed);
      const cancellations = Array.from({ length: runs }, (_, n) => ({
        id: `a-${n}`,
        run: `docs-e-${n}`,
        namespaces: Object.keys(namespaces),
        delivery: "d-1",
        by: "d-2",
      }));
      return { status: 200, headers: new Headers(), body: Buffer.from(JSON.stringify({ cancellations })) };
    },
    counters: new Counters(RUN_CANCELLER_COUNTERS),
    log: silentLog,
  });
  return { canceller, cancelled, reported };
}

const OWN = { of: "d-1" };
const OTHER = { of: "d-other" };

describe("the cancelling of runs", () => {
  it.each<[string, Record<string, Answer>, readonly string[], readonly string[]]>([
    ["a run of another delivery in one namespace", { a: OTHER, b: OWN }, ["b"], []],
    ["an error in one namespace", { a: "error", b: OWN, c: "error" }, ["b"], []],
    ["an error, and the run is nowhere else", { a: "none", b: "error", c: OTHER }, [], ["it answered 500"]],
    ["a run that is pending", { a: { ...OWN, status: "PipelineRunPending" } }, ["a"], []],
    ["a run that is being ended", { a: { ...OWN, status: "StoppedRunFinally" }, b: "error" }, [], []],
  ])("%s", async (_name, namespaces, expected, problems) => {
    const { canceller, cancelled, reported } = cancelling(namespaces);
    await canceller.round();
    expect(cancelled).toEqual(expected);
    await canceller.round();
    expect(reported.at(-1)?.map(({ problem }) => problem)).toEqual(problems);
  });

  it("more failures than one call may have are reported in turn, and none is left out", async () => {
    const { canceller, reported } = cancelling({ a: "error" }, 150);
    for (const _ of [1, 2, 3]) await canceller.round();
    expect(reported.map((failed) => failed.length)).toEqual([0, 100, 100]);
    expect(new Set(reported.flat().map(({ id }) => id)).size).toBe(150);
  });
});
