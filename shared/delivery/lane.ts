import type { Clock } from "../host/clock.ts";
import { kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { Loop } from "../host/loop.ts";
import type { ActionStore } from "../store/actions.ts";

/** Actions that one target is given at once. */
const CONCURRENCY = 8;
/** Time between two looks at a target's queue when nothing nudges. */
const POLL_MS = 1_000;

interface LaneDeps {
  readonly actions: Pick<ActionStore, "due" | "expireLeases">;
  readonly clock: Clock;
  readonly log: Log;
  readonly act: (actionId: string) => Promise<unknown>;
}

/**
 * The worker of one target on one machine: takes up what is due and runs a bounded number of actions at once. Each target
 * has its own, so that a slow or broken one holds up no other.
 */
export class Lane {
  readonly #target: string;
  readonly #deps: LaneDeps;
  readonly #running = new Map<string, Promise<unknown>>();
  readonly #loop: Loop;

  constructor(target: string, deps: LaneDeps) {
    this.#target = target;
    this.#deps = deps;
    this.#loop = new Loop(`lane ${target}`, { everyMs: POLL_MS, log: deps.log }, () => this.#requeueDeadLetters());
  }

  /** Takes over what the process before this one had leased: there is never more than one. */
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

  async #requeueDeadLetters(): Promise<void> {
    if (this.#running.size >= CONCURRENCY) return;
    // A running action is due no more, but the index may lag behind: hence the second half.
    const due = await this.#deps.actions.due(this.#target, this.#deps.clock.now(), CONCURRENCY * 2);
    for (const id of due) {
      if (this.#running.size >= CONCURRENCY) return;
      if (!this.#running.has(id)) this.#start(id);
    }
  }

  #start(id: string): void {
    const run = this.#deps
      .act(id)
      .catch((error: unknown) => {
        this.#deps.log.error(
          { action: id, error: kindOf(error) },
          "an action could not be run; its lease will run out",
        );
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
