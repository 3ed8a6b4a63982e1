import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { type Clock, toIso } from "../../shared/host/clock.ts";
import type { SandboxEventSender } from "./sandbox-tekton-sender.ts";

/** How a run ends: the reason of its `Succeeded` condition, its message and its results. */
export interface RunEnding {
  readonly reason: "Succeeded" | "Completed" | "Failed" | "Cancelled" | "PipelineRunTimeout" | "CouldntGetPipeline";
  readonly message?: string;
  readonly results?: Readonly<Record<string, string>>;
}

/** The run that a TriggerTemplate creates. */
interface RunRequest {
  /** Fixed, so that a second creation fails. */
  readonly name: string;
  readonly pipeline: string;
  readonly params: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface SandboxRun extends RunRequest {
  readonly uid: string;
  /** `queued`, `started`, `running`, and then `successful` or `failed`: the last part of the event's type. */
  readonly phase: string;
}

interface LiveRun extends SandboxRun {
  phase: string;
  readonly createdAt: string;
  status: object;
}

interface SandboxTektonOptions {
  readonly namespace: string;
  /** From creation to end. */
  readonly runMs: number;
  readonly resultFor: (run: SandboxRun) => RunEnding;
  readonly sender: SandboxEventSender;
  readonly clock: Clock;
}

/** A very small Tekton: runs that only pass through their states and send an event for each. */
export class SandboxTekton {
  readonly #options: SandboxTektonOptions;
  readonly #runs = new Map<string, LiveRun>();
  readonly #underway = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  constructor(options: SandboxTektonOptions) {
    this.#options = options;
  }

  get runs(): ReadonlyMap<string, SandboxRun> {
    return this.#runs;
  }

  /** Creates a run. Returns the API server's message if it cannot. */
  create(request: RunRequest): string | undefined {
    const { name } = request;
    if (name.length > 63 || !/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name)) return `invalid name "${name}"`;
    if (this.#runs.has(name)) return `pipelineruns.tekton.dev "${name}" already exists`;
    const run = { ...request, uid: randomUUID(), phase: "queued", createdAt: this.#now(), status: {} };
    this.#runs.set(name, run);
    const living = this.#live(run).finally(() => this.#underway.delete(living));
    this.#underway.add(living);
    return undefined;
  }

  /** Does what a restart of the events controller does: sends every run's current state again, under a new id. */
  resendAll(): void {
    for (const run of this.#runs.values()) this.#sendEvent(run);
  }

  /** A person deletes every run, or a pruner does: their names are free again. */
  deleteAll(): void {
    this.#runs.clear();
  }

  /** Resolves when every run has ended. */
  async settled(): Promise<void> {
    while (this.#underway.size > 0) await Promise.all(this.#underway);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.settled();
  }

  async #live(run: LiveRun): Promise<void> {
    const stepMs = this.#options.runMs / 3;
    this.#sendEvent(run);
    if (!(await this.#pass(stepMs))) return;
    const startTime = this.#now();
    this.#move(run, "started", { conditions: this.#condition("Unknown", "Started"), startTime });
    if (!(await this.#pass(stepMs))) return;
    const message = "Tasks Completed: 0 (Failed: 0, Cancelled 0), Incomplete: 1, Skipped: 0";
    this.#move(run, "running", { conditions: this.#condition("Unknown", "Running", message), startTime });
    if (!(await this.#pass(stepMs))) return;
    const ending = this.#options.resultFor(run);
    const good = ending.reason === "Succeeded" || ending.reason === "Completed";
    this.#move(run, good ? "successful" : "failed", {
      conditions: this.#condition(good ? "True" : "False", ending.reason, ending.message ?? MESSAGES[ending.reason]),
      startTime,
      completionTime: this.#now(),
      // The member's name in v1beta1, which is the version of the events.
      pipelineResults: Object.entries(ending.results ?? {}).map(([name, value]) => ({ name, value })),
    });
  }

  #move(run: LiveRun, phase: string, status: object): void {
    run.phase = phase;
    run.status = status;
    this.#sendEvent(run);
  }

  #sendEvent(run: LiveRun): void {
    const { namespace, sender } = this.#options;
    const { name, uid, createdAt, labels, annotations, pipeline, params, phase, status } = run;
    const data = {
      pipelineRun: {
        metadata: { name, namespace, uid, creationTimestamp: createdAt, labels, annotations },
        spec: {
          pipelineRef: { name: pipeline },
          params: Object.entries(params).map(([param, value]) => ({ name: param, value })),
          serviceAccountName: "default",
        },
        status,
      },
    };
    sender.send({ type: `dev.tekton.event.pipelinerun.${phase}.v1`, namespace, name, data });
  }

  #condition(status: "True" | "False" | "Unknown", reason: string, message?: string): readonly object[] {
    return [{ type: "Succeeded", status, reason, ...(message && { message }), lastTransitionTime: this.#now() }];
  }

  /** Kubernetes keeps whole seconds. */
  #now(): string {
    return toIso(this.#options.clock.now()).replace(/\.\d+Z$/, "Z");
  }

  /** Resolves with false if the sandbox closes meanwhile. */
  #pass(ms: number): Promise<boolean> {
    return wait(ms, undefined, { signal: this.#closing.signal }).then(
      () => true,
      () => false,
    );
  }
}

const MESSAGES: Readonly<Record<RunEnding["reason"], string>> = {
  Succeeded: "Tasks Completed: 1 (Failed: 0, Cancelled 0), Skipped: 0",
  Completed: "Tasks Completed: 1 (Failed: 0, Cancelled 0), Skipped: 1",
  Failed: "Tasks Completed: 1 (Failed: 1, Cancelled 0), Skipped: 0",
  Cancelled: "PipelineRun was cancelled",
  PipelineRunTimeout: 'PipelineRun failed to finish within "1h0m0s"',
  CouldntGetPipeline: "[User error] the Pipeline does not exist",
};
