import { type Clock, type EpochMillis, laterBy } from "../host/clock.ts";
import { kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { isPowerOfTwo, Loop } from "../host/loop.ts";
import type { ActionStore } from "../store/actions.ts";
import { Paused } from "./paused.ts";
import { OVERDUE_MS, type WaitingTarget } from "./readiness.ts";

/** Actions that run at once for one target. */
const CONCURRENCY = 8;
/** Time between two polls of a target's queue if nothing nudges the lane. */
const POLL_MS = 1_000;

/** A lane with due actions that finishes none for this time is stalled. It is longer than any attempt. */
const STALLED_MS = 300_000;

interface LaneDeps {
  readonly actions: Pick<ActionStore, "due" | "expireLeases">;
  readonly clock: Clock;
  readonly log: Log;
  /** Runs an action once. Resolves to undefined if it could not be claimed. */
  readonly attempt: (actionId: string) => Promise<unknown>;
}

/**
 * The worker of one target on one machine: runs the due actions, a bounded number at once. Each target has its own
 * lane, so that a slow or broken target delays no other.
 */
export class Lane {
  readonly #target: string;
  readonly #deps: LaneDeps;
  readonly #running = new Map<string, Promise<unknown>>();
  readonly #paused = new Paused();
  readonly #loop: Loop;
  /** Attempts in a row that failed because of the store. */
  #storeFailures = 0;
  /** When an attempt last ended with a record of its outcome, or the lane was created. */
  #endedAt: EpochMillis;

  constructor(target: string, deps: LaneDeps) {
    this.#target = target;
    this.#deps = deps;
    this.#endedAt = deps.clock.now();
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

  /** Undefined if no action of the target waits for too long. */
  async waiting(): Promise<WaitingTarget | undefined> {
    const { actions, clock } = this.#deps;
    const now = clock.now();
    const isDueFor = async (ms: number): Promise<boolean> =>
      (await actions.due(this.#target, laterBy(now, -ms), 1)).length > 0;
    const isStalled = now - this.#endedAt > STALLED_MS && (await isDueFor(STALLED_MS));
    return isStalled || (await isDueFor(OVERDUE_MS)) ? { target: this.#target, isStalled } : undefined;
  }

  async #startDue(): Promise<void> {
    if (this.#running.size >= CONCURRENCY) return;
    // The list includes actions in a pause, and it may still include running ones.
    const limit = CONCURRENCY * 2 + this.#paused.size;
    for (const id of await this.#deps.actions.due(this.#target, this.#deps.clock.now(), limit)) {
      if (this.#running.size >= CONCURRENCY) return;
      if (!this.#running.has(id) && !this.#paused.has(id)) this.#start(id);
    }
  }

  #start(id: string): void {
    const run = this.#attempt(id).then((isStoreUp) => {
      this.#running.delete(id);
      // Without the store, the next poll tries again.
      if (isStoreUp) this.#loop.nudge();
    });
    this.#running.set(id, run);
  }

  /** Never throws. Returns false if the store failed. */
  async #attempt(id: string): Promise<boolean> {
    const { attempt, log } = this.#deps;
    try {
      if ((await attempt(id)) === undefined) {
        log.error({ action: id, pauseMs: this.#paused.add(id) }, "a due action cannot be claimed; it is skipped");
        return true;
      }
      this.#endedAt = this.#deps.clock.now();
      this.#paused.forget(id);
      this.#storeFailures = 0;
      return true;
    } catch (error) {
      const kind = kindOf(error);
      if (kind === "store_unavailable") {
        this.#storeFailures += 1;
        if (isPowerOfTwo(this.#storeFailures)) {
          const fields = { target: this.#target, failures: this.#storeFailures, error: kind };
          log.error(fields, "actions could not be run; the next poll tries again, or the end of their lease");
        }
        return false;
      }
      const fields = { action: id, error: kind, pauseMs: this.#paused.add(id) };
      log.error(fields, "an action could not be run; it is skipped until its pause and its lease, if it has one, end");
      return true;
    }
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

  async waiting(): Promise<readonly WaitingTarget[]> {
    const waiting = await Promise.all([...this.#lanes.values()].map((lane) => lane.waiting()));
    return waiting.flatMap((one) => one ?? []);
  }

  nudge(target: string): void {
    this.#lanes.get(target)?.nudge();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.stop()));
  }
}
