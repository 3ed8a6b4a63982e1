import { Loop } from "../host/loop.ts";
import type { Stores } from "../store/open-stores.ts";
import { advanceBulkReplays, type BulkReplayDeps } from "./bulk-replay.ts";
import { DueTimeCheck } from "./due-time-check.ts";

/** One step of each order in this time: ten replays a second. */
export const BULK_EVERY_MS = 1_000;

/** Works on the bulk replays of one machine. In AWS the sweep does it. */
export class BulkReplayWorker {
  readonly #rounds: Loop;

  /** `deps` returns the dependencies of the configuration in force. */
  constructor(deps: () => Omit<BulkReplayDeps, "bulkReplays"> & Pick<Stores, "bulkReplays">) {
    const dueTimes = new DueTimeCheck(async (now) => (await deps().bulkReplays()).correctDueTimes(now));
    this.#rounds = new Loop("bulk-replays", { everyMs: BULK_EVERY_MS, log: deps().log }, async () => {
      await dueTimes.runIfNecessary(deps().clock.now());
      await advanceBulkReplays(deps());
    });
  }

  start(): void {
    this.#rounds.nudge();
  }

  stop(): Promise<void> {
    return this.#rounds.stop();
  }
}
