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
  #hasExpiredLeases = false;
  #isStopped = false;

  constructor(target: string, deps: LaneDeps) {
    this.#target = target;
    this.#deps = deps;
    this.#dueTimes = new DueTimeCheck((now) => deps.actions.correctDueTimes(target, now));
    this.#loop = new Loop(`lane ${target}`, { everyMs: POLL_MS, log: deps.log }, () => this.#startDue());
  }

  nudge(): void {
    this.#loop.nudge();
  }

  /** Starts no more actions. Resolves when the running ones have ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#loop.stop();
    await Promise.all(this.#running.values());
  }

  async #startDue(): Promise<void> {
    if (!this.#hasExpiredLeases) await this.#expireLeases();
    if (this.#running.size >= CONCURRENCY) return;
    const now = this.#deps.clock.now();
    await this.#dueTimes.runIfNecessary(now);
    // The index may lag behind and still list running actions, so twice the number is read.
    const due = await this.#deps.actions.due(this.#target, now, CONCURRENCY * 2);
    for (const id of due) {
      if (this.#isStopped || this.#running.size >= CONCURRENCY) return;
      if (!this.#running.has(id)) this.#start(id);
    }
  }

  /**
   * Expires the leases of the previous process. One process runs at a time, and it has one lane for each target, so no
   * other owner can be alive.
   */
  async #expireLeases(): Promise<void> {
    await this.#deps.actions.expireLeases(this.#target, this.#deps.clock.now());
    this.#hasExpiredLeases = true;
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

/**
 * The lanes of one machine, one for each target. The lane of a target that was removed from the configuration stays, to
 * end the actions in its queue.
 */
export class Lanes {
  readonly #lanes = new Map<string, Lane>();
  readonly #deps: LaneDeps;

  constructor(deps: LaneDeps) {
    this.#deps = deps;
  }

  /** Starts a lane for each of these targets that has none. */
  start(targets: readonly string[]): void {
    for (const target of targets) {
      if (this.#lanes.has(target)) continue;
      const lane = new Lane(target, this.#deps);
      this.#lanes.set(target, lane);
      lane.nudge();
    }
  }

  nudge(target: string): void {
    this.#lanes.get(target)?.nudge();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.stop()));
  }
}
