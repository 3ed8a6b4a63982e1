/** The first pause, in milliseconds. Each further failure of the same work doubles it. */
const FIRST_MS = 1_000;
/** The longest pause: another release may be able to do what this one cannot. */
const LONGEST_MS = 3_600_000;

/**
 * Work that could not be done, by id. It is skipped for a pause that doubles with each failure in a row, so that it takes
 * no time from other work.
 */
export class Paused {
  readonly #failures = new Map<string, number>();
  readonly #timers = new Map<string, NodeJS.Timeout>();

  /** The number of ids in a pause. */
  get size(): number {
    return this.#timers.size;
  }

  has(id: string): boolean {
    return this.#timers.has(id);
  }

  /** Starts a pause after a failure, and returns its length in milliseconds. */
  add(id: string): number {
    const failures = this.#failures.get(id) ?? 0;
    this.#failures.set(id, failures + 1);
    const pauseMs = Math.min(FIRST_MS * 2 ** failures, LONGEST_MS);
    clearTimeout(this.#timers.get(id));
    this.#timers.set(id, setTimeout(() => this.#timers.delete(id), pauseMs).unref());
    return pauseMs;
  }

  /** The work is done: its next failure is the first one again. */
  forget(id: string): void {
    this.#failures.delete(id);
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  }
}
