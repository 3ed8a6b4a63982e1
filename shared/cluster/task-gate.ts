import * as v from "valibot";
import type { OutboundResponse } from "../host/call-out.ts";
import { type Clock, toIso } from "../host/clock.ts";
import { Fault, failureOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { isPowerOfTwo } from "../host/loop.ts";
import { readJsonObject } from "../host/strict-json.ts";
import { type ApprovalTask, type ApprovalTasks, isUser, type RunMetadata } from "./approval-tasks.ts";
import type { SentEvent } from "./bridge-source.ts";
import type { Counters } from "./counters.ts";

interface TaskGateDeps {
  readonly namespaces: readonly string[];
  readonly tasks: ApprovalTasks;
  /** Sends an event to the bridge. Throws if there is no answer. */
  readonly post: (event: SentEvent) => Promise<OutboundResponse>;
  /** Asks the API of the bridge. Throws if there is no answer. */
  readonly ask: (path: string) => Promise<OutboundResponse>;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Lets the bridge decide tasks that wait inside runs. Each round reads the tasks that name this process's account as an
 * approver, reports each new state to the bridge, asks it for the decision about each task that waits, and writes that as
 * the input of the own account. Nothing is stored: after a start, every state is reported again, and the bridge recognises
 * it. The object itself says whether the decision was written.
 */
export class TaskGate {
  readonly #deps: TaskGateDeps;
  /** By uid, what the bridge knows of the tasks of the last round. */
  readonly #known = new Map<string, KnownTask>();
  /** By what failed, how often in a row. */
  readonly #failures = new Map<string, number>();

  constructor(deps: TaskGateDeps) {
    this.#deps = deps;
  }

  /** One round. What fails is tried again in the next one, and holds up nothing else. */
  async round(): Promise<void> {
    const { namespaces, tasks } = this.#deps;
    const account = await tasks.account();
    for (const namespace of namespaces)
      await this.#guarded(namespace, async () => this.#see(namespace, await tasks.list(namespace), account));
  }

  async #see(namespace: string, listed: readonly ApprovalTask[], account: string): Promise<void> {
    const own = listed.filter(({ spec }) => spec.approvers.some((one) => isUser(one, account)));
    for (const task of own)
      await this.#guarded(`${namespace}/${task.metadata.name}`, () => this.#advance(task, account));
    const present = new Set(own.map(({ metadata }) => metadata.uid));
    for (const [uid, known] of this.#known) {
      if (known.task.metadata.namespace !== namespace || present.has(uid)) continue;
      await this.#guarded(`${namespace}/${known.task.metadata.name}`, async () => {
        if (known.state === "pending") await this.#report(known.task, known.run, "deleted");
        this.#known.delete(uid);
      });
    }
  }

  async #advance(task: ApprovalTask, account: string): Promise<void> {
    const { uid } = task.metadata;
    const state = stateOf(task);
    let known = this.#known.get(uid);
    if (known?.state !== state) {
      const run = known?.run ?? (await this.#deps.tasks.runOf(task));
      // Kubernetes removes the task of a CustomRun that is gone.
      if (run === undefined) return;
      known = { task, run, state, delivery: await this.#report(task, run, state) };
      this.#known.set(uid, known);
    }
    const isOpen =
      state === "pending" && task.spec.approvers.some((one) => isUser(one, account) && one.input === "pending");
    if (isOpen && known.delivery !== undefined) await this.#decide(task, known.delivery, account);
  }

  async #decide(task: ApprovalTask, delivery: string, account: string): Promise<void> {
    const { ask, tasks, counters, log } = this.#deps;
    const { decision, message } = bodyOf(await ask(`v1/gates/${delivery}`), decisionAnswer);
    if (decision === "wait" || message === undefined) return;
    const status = await tasks.decide(task, account, { decision, message });
    // Somebody else changed it meanwhile: the next round reads it again.
    if (status === 409) return;
    if (status !== 200) throw new Fault("target_unreachable", `the API server answered ${status}`, { retryable: true });
    counters.add(DECISIONS, { decision });
    log.info({ task: `${task.metadata.namespace}/${task.metadata.name}`, delivery, decision }, "a task was decided");
  }

  /** Returns the delivery that the bridge recorded; undefined if it takes no events about this task. */
  async #report(task: ApprovalTask, run: RunMetadata, state: TaskState): Promise<string | undefined> {
    const { post, counters, clock, log } = this.#deps;
    const { name, namespace, uid } = task.metadata;
    const decidedBy = state === "pending" ? undefined : deciders(task, state);
    const event = {
      headers: {
        "content-type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": `${uid}-${state}`,
        "ce-source": `namespaces/${namespace}/approvaltasks/${name}`,
        "ce-time": toIso(clock.now()),
        "ce-type": "dev.drawbridge.approvaltask",
      },
      body: JSON.stringify({ customRun: { metadata: reportedOf(run) }, approvalTask: { name, uid, state, decidedBy } }),
    };
    const { delivery, status } = bodyOf(await post(event), receipt);
    counters.add(REPORTS, { state });
    if (status !== "ignored" && status !== "unusable") return delivery;
    log.warn({ task: `${namespace}/${name}`, delivery, status }, "the bridge takes no report of a task");
    return undefined;
  }

  async #guarded(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#failures.delete(what);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const failures = (this.#failures.get(what) ?? 0) + 1;
      this.#failures.set(what, failures);
      this.#deps.counters.add(FAILURES);
      if (isPowerOfTwo(failures))
        this.#deps.log.warn(
          { task: what, failures, ...failureOf(error) },
          "a task was not handled; the next round tries again",
        );
    }
  }
}

type TaskState = "pending" | "approved" | "rejected" | "deleted";

interface KnownTask {
  readonly task: ApprovalTask;
  readonly run: RunMetadata;
  readonly state: TaskState;
  readonly delivery: string | undefined;
}

const REPORTS = "drawbridge_gate_reports_total";
const DECISIONS = "drawbridge_gate_decisions_total";
const FAILURES = "drawbridge_gate_failures_total";

/** The names of the metrics, each with what it says. */
export const TASK_GATE_COUNTERS = {
  [REPORTS]: "Reported states of tasks, by state: pending, approved, rejected, or deleted.",
  [DECISIONS]: "Decisions of the bridge that were written into tasks: approve or reject.",
  [FAILURES]: "Tasks and namespaces that a round could not handle.",
};

const receipt = v.object({ delivery: v.string(), status: v.string() });
const decisionAnswer = v.object({
  decision: v.picklist(["wait", "approve", "reject"]),
  message: v.optional(v.string()),
});

function bodyOf<T>({ status, body }: OutboundResponse, schema: v.GenericSchema<unknown, T>): T {
  const json = status >= 200 && status < 300 ? readJsonObject(body) : undefined;
  const read = json?.ok ? v.safeParse(schema, json.value) : undefined;
  if (read?.success) return read.output;
  throw new Fault("target_unreachable", `the bridge answered ${status}`, { retryable: true });
}

/** Right after its creation a task has no state. */
function stateOf({ status }: ApprovalTask): TaskState {
  return status?.state === "approved" || status?.state === "rejected" ? status.state : "pending";
}

/**
 * Who decided a task, as its status says. The controller writes the list in no fixed order. A task that is rejected although
 * nobody rejected it has timed out.
 */
function deciders({ status }: ApprovalTask, state: TaskState): string {
  if (state === "deleted") return "its deletion";
  const people = (status?.approversResponse ?? []).flatMap((one) =>
    one.groupMembers?.length
      ? one.groupMembers.map(({ name, response }) => ({
          name: `${name} of ${one.name}`,
          response,
          message: one.message,
        }))
      : [one],
  );
  const deciding = people
    .filter(({ response }) => response === state)
    .map(({ name, message }) => `${name}${message && ` (${message})`}`);
  return deciding.sort().join(", ").slice(0, 1_000) || "its timeout";
}

/** What the bridge reads of a CustomRun. The controller of the gate adds labels of its own while it handles one. */
const reportedOf = ({ name, namespace, uid, labels, annotations, ownerReferences }: RunMetadata) => ({
  name,
  namespace,
  uid,
  labels: only(labels, /^(triggers\.)?tekton\.dev\//),
  annotations: only(annotations, /^drawbridge\.dev\//),
  ownerReferences: ownerReferences?.map(({ kind, name: owner, uid: ownerUid }) => ({
    kind,
    name: owner,
    uid: ownerUid,
  })),
});

const only = (values: RunMetadata["labels"], names: RegExp) =>
  Object.fromEntries(Object.entries(values ?? {}).filter(([name]) => names.test(name)));
