import { Loop } from "../host/loop.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import { DueTimeCheck } from "./due-time-check.ts";
import { Paused } from "./paused.ts";
import { type RelayDeps, relay, SWEEP_SIZE, sweep } from "./relay.ts";

/**
 * Deliveries that are relayed at once right after their commit. More wait for the sweep, so that a flood stays on disk.
 */
const CONCURRENCY = 32;
const SWEEP_MS = 1_000;

/** The relay of one machine: a nudge after each commit, and a sweep of the outbox at start and on a timer. */
export class RelayWorker {
  readonly #deps: () => RelayDeps;
  readonly #running = new Set<Promise<void>>();
  readonly #paused = new Paused();
  readonly #sweeps: Loop;
  #isStopped = false;

  /** `deps` returns the dependencies of the configuration in force. */
  constructor(deps: () => RelayDeps) {
    this.#deps = deps;
    const dueTimes = new DueTimeCheck((now) => deps().outbox.correctDueTimes(now));
    this.#sweeps = new Loop("sweep", { everyMs: SWEEP_MS, log: deps().log }, async () => {
      await dueTimes.runIfNecessary(deps().clock.now());
      if ((await sweep(deps(), this.#paused)) === SWEEP_SIZE) this.#sweeps.nudge();
    });
  }

  start(): void {
    this.#sweeps.nudge();
  }

  /** Relays a delivery that was just recorded. After `stop` it stays in the outbox, for the next start. */
  recorded(delivery: RecordedDelivery): void {
    if (this.#isStopped || this.#running.size >= CONCURRENCY) return;
    const run = relay(delivery, this.#deps()).finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#sweeps.stop();
    await Promise.all(this.#running);
  }
}
