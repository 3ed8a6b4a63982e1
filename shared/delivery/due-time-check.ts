import type { EpochMillis } from "../host/clock.ts";

/** Time between two checks if the clock is not set back: for a due time that was set while it was being set back. */
const CHECK_EVERY_MS = 60_000;

/**
 * Corrects the due times that a clock ahead has set, when that can be necessary: at the start, when the clock has been set
 * back since the last check, and once a minute.
 */
export class DueTimeCheck {
  readonly #correct: (now: EpochMillis) => Promise<void>;
  #checkedAt: EpochMillis | undefined;

  constructor(correct: (now: EpochMillis) => Promise<void>) {
    this.#correct = correct;
  }

  async runIfNecessary(now: EpochMillis): Promise<void> {
    const sinceMs = this.#checkedAt === undefined ? Number.POSITIVE_INFINITY : now - this.#checkedAt;
    if (sinceMs >= 0 && sinceMs < CHECK_EVERY_MS) return;
    await this.#correct(now);
    this.#checkedAt = now;
  }
}
