import * as v from "valibot";
import type { OutboundResponse } from "../host/call-out.ts";
import { Fault, failureOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { isPowerOfTwo } from "../host/loop.ts";
import { isListed } from "../host/name-pattern.ts";
import { readJsonObject } from "../host/strict-json.ts";
import { MAX_REPORTED_FAILURES } from "../model/run-cancel.ts";
import type { Counters } from "./counters.ts";
import type { PipelineRun, PipelineRuns } from "./pipeline-runs.ts";

interface RunCancellerDeps {
  /** Whose runs may be cancelled. */
  readonly namespaces: readonly string[];
  readonly runs: PipelineRuns;
  /** Asks the API of the bridge by POST. Throws if there is no answer. */
  readonly ask: (path: string, body: object) => Promise<OutboundResponse>;
  readonly counters: Counters;
  readonly log: Log;
}

/**
 * Cancels runs that the bridge started and that something newer replaces. Each round asks the bridge which they are, and
 * sets `spec.status` of each. Nothing is stored: a run stays listed until its end was reported, and the object itself says
 * whether it was cancelled. What failed is tried again in each round, and the bridge gets to know why.
 */
export class RunCanceller {
  readonly #deps: RunCancellerDeps;
  /** By id, why the last try failed. */
  readonly #failed = new Map<string, string>();
  /** By id, how often in a row. */
  readonly #failures = new Map<string, number>();

  constructor(deps: RunCancellerDeps) {
    this.#deps = deps;
  }

  async round(): Promise<void> {
    const failed = [...this.#failed].slice(0, MAX_REPORTED_FAILURES).map(([id, problem]) => ({ id, problem }));
    const listed = listIn(await this.#deps.ask("v1/cancellations", { failed }));
    // What did not fit keeps its place, and is reported first with the next call.
    for (const { id } of failed) this.#failed.delete(id);
    for (const id of this.#failed.keys()) if (!listed.some((one) => one.id === id)) this.#failed.delete(id);
    for (const one of listed) await this.#guarded(one);
    for (const id of this.#failures.keys()) if (!listed.some((one) => one.id === id)) this.#failures.delete(id);
  }

  async #cancel({ run: name, namespaces, delivery, by }: Listed): Promise<void> {
    let isFound = false;
    let problem: Error | undefined;
    for (const namespace of this.#deps.namespaces.filter((one) => isListed(one, namespaces))) {
      try {
        const found = await this.#cancelIn(namespace, { name, delivery, by });
        isFound ||= found === "found";
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        problem ??= error;
      }
    }
    // It may be in any of them: what is wrong in one says nothing if it was found in another.
    if (problem && !isFound) throw problem;
  }

  async #cancelIn(
    namespace: string,
    { name, delivery, by }: { readonly name: string; readonly delivery: string; readonly by: string },
  ): Promise<"found" | "absent"> {
    const { runs, counters, log } = this.#deps;
    const run = await runs.get(namespace, name);
    // It may be created later.
    if (run === undefined) return "absent";
    const isOwn = run.metadata.annotations?.["drawbridge.dev/delivery"] === delivery;
    // Its report is on the way.
    if (hasEnded(run) || isEnding(run)) return isOwn ? "found" : "absent";
    if (!isOwn)
      throw new Fault("target_unreachable", "the run of this name is of another delivery", { retryable: true });
    const status = await runs.cancel(run);
    if (status !== 200) throw new Fault("target_unreachable", `the API server answered ${status}`, { retryable: true });
    counters.add(CANCELLED);
    log.info({ run: `${namespace}/${name}`, delivery, by }, "a run was cancelled");
    return "found";
  }

  async #guarded(one: Listed): Promise<void> {
    const { counters, log } = this.#deps;
    try {
      await this.#cancel(one);
      this.#failures.delete(one.id);
      this.#failed.delete(one.id);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const failures = (this.#failures.get(one.id) ?? 0) + 1;
      this.#failures.set(one.id, failures);
      this.#failed.set(one.id, error.message.slice(0, 300));
      counters.add(CANCEL_FAILURES);
      if (isPowerOfTwo(failures))
        log.warn(
          { run: one.run, failures, ...failureOf(error) },
          "a run was not cancelled; the next round tries again",
        );
    }
  }
}

const CANCELLED = "drawbridge_gate_cancelled_runs_total";
const CANCEL_FAILURES = "drawbridge_gate_cancel_failures_total";

/** The names of the metrics, each with what it says. */
export const RUN_CANCELLER_COUNTERS = {
  [CANCELLED]: "Runs that were cancelled for a newer one.",
  [CANCEL_FAILURES]: "Runs that a round could not cancel.",
};

const answer = v.object({
  cancellations: v.array(
    v.object({
      id: v.string(),
      run: v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]*$/)),
      namespaces: v.array(v.string()),
      delivery: v.string(),
      by: v.string(),
    }),
  ),
});
type Listed = v.InferOutput<typeof answer>["cancellations"][number];

function listIn({ status, body }: OutboundResponse): readonly Listed[] {
  const json = status === 200 ? readJsonObject(body) : undefined;
  const read = json?.ok ? v.safeParse(answer, json.value) : undefined;
  if (read?.success) return read.output.cancellations;
  throw new Fault("target_unreachable", `the bridge answered ${status}`, { retryable: true });
}

/** A run that is pending has a status too, and can be cancelled. */
const isEnding = ({ spec }: PipelineRun): boolean => spec.status !== "" && spec.status !== "PipelineRunPending";

const hasEnded = ({ status }: PipelineRun): boolean => status?.completionTime !== undefined;
