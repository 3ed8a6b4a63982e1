import type { Clock } from "../host/clock.ts";
import { kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { Loop } from "../host/loop.ts";
import type { ActionStore } from "../store/actions.ts";
import { DueTimeCheck } from "./due-time-check.ts";

/** Actions that run at once for one target. */
const CONCURRENCY = 8;
/** Time between two polls of a target's queue if nothing nudges the lane. */
const POLL_MS = 1_000;

interface LaneDeps {
  readonly actions: Pick<ActionStore, "due" | "expireLeases" | "correctDueTimes">;
  readonly clock: Clock;
  readonly log: Log;
  readonly act: (actionId: string) => Promise<unknown>;
}

/**
 * The worker of one target on one machine: runs the due actions, a bounded number at once. Each target has its own
 * lane, so that a slow or broken target delays no other.
 */
export class Lane {
  readonly #target: string;
  readonly #deps: LaneDeps;
  readonly #running = new Map<string, Promise<unknown>>();
  readonly #loop: Loop;
  readonly #dueTimes: DueTimeCheck;

  constructor(target: string, deps: LaneDeps) {
    this.#target = target;
    this.#deps = deps;
    this.#dueTimes = new DueTimeCheck((now) => deps.actions.correctDueTimes(target, now));
    this.#loop = new Loop(`lane ${target}`, { everyMs: POLL_MS, log: deps.log }, () => this.#startDue());
  }

  /** Expires the leases of the previous process. Only one process runs at a time, so no other owner can be alive. */
  async start(): Promise<void> {
    await this.#deps.actions.expireLeases(this.#target, this.#deps.clock.now());
    this.#loop.nudge();
  }

  nudge(): void {
    this.#loop.nudge();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
    await Promise.all(this.#running.values());
  }

  async #startDue(): Promise<void> {
    if (this.#running.size >= CONCURRENCY) return;
    const now = this.#deps.clock.now();
    await this.#dueTimes.runIfNecessary(now);
    // The index may lag behind and still list running actions, so twice the number is read.
    const due = await this.#deps.actions.due(this.#target, now, CONCURRENCY * 2);
    for (const id of due) {
      if (this.#running.size >= CONCURRENCY) return;
      if (!this.#running.has(id)) this.#start(id);
    }
  }

  #start(id: string): void {
    const run = this.#deps
      .act(id)
      .catch((error: unknown) => {
        this.#deps.log.error({ action: id, error: kindOf(error) }, "an action could not be run; its lease will expire");
      })
      .finally(() => {
        this.#running.delete(id);
        this.#loop.nudge();
      });
    this.#running.set(id, run);
  }
}

/** The lanes of one machine, one for each target. */
export class Lanes {
  readonly #lanes: ReadonlyMap<string, Lane>;

  constructor(targets: readonly string[], deps: LaneDeps) {
    this.#lanes = new Map(targets.map((target) => [target, new Lane(target, deps)]));
  }

  async start(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.start()));
  }

  nudge(target: string): void {
    this.#lanes.get(target)?.nudge();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.stop()));
  }
}
