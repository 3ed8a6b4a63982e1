import { Loop } from "../host/loop.ts";
import type { ReportedRunStore } from "../store/reported-runs.ts";
import { DueTimeCheck } from "./due-time-check.ts";
import { SILENT_RUNS, type SilentRunDeps, showSilentRuns } from "./silent-runs.ts";

const EVERY_MS = 5_000;

/** Looks at the runs whose reports stopped or came again, on one machine. In AWS the sweep does it. */
export class SilentRunWorker {
  readonly #rounds: Loop;

  /** `deps` returns the dependencies of the configuration in force. */
  constructor(deps: () => SilentRunDeps & { readonly reportedRuns: Pick<ReportedRunStore, "correctDueTimes"> }) {
    const dueTimes = new DueTimeCheck((now) => deps().reportedRuns.correctDueTimes(now));
    this.#rounds = new Loop("silent-runs", { everyMs: EVERY_MS, log: deps().log }, async () => {
      await dueTimes.runIfNecessary(deps().clock.now());
      if ((await showSilentRuns(deps())) === SILENT_RUNS) this.#rounds.nudge();
    });
  }

  start(): void {
    this.#rounds.nudge();
  }

  stop(): Promise<void> {
    return this.#rounds.stop();
  }
}
